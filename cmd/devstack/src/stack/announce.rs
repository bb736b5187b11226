//! The table that is printed at startup: what runs where, with commands to try.

use std::fmt;

/// The addresses of all parts, as `host:port`, or as a URL if a part is not embedded.
#[derive(Clone, Debug)]
pub(crate) struct Announcement {
    /// The registry's URL.
    pub(crate) registry: String,
    /// The Kafka brokers.
    pub(crate) kafka: String,
    /// The metadata service.
    pub(crate) metadata: String,
    /// The rating service.
    pub(crate) rating: String,
    /// The movie service.
    pub(crate) movie: String,
    /// The location of the data.
    pub(crate) database: String,
}

impl fmt::Display for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { registry, kafka, metadata, rating, movie, database } = self;
        let page = format!("{}/ui", registry.trim_end_matches('/'));
        let rows = [
            ("registry", page, "service instances and their health"),
            ("kafka", kafka.clone(), "topic ratings"),
            ("metadata", format!("http://{metadata}"), "movie metadata: REST and gRPC on one port"),
            ("rating", format!("http://{rating}"), "ratings and aggregates"),
            ("movie", format!("http://{movie}"), "movies: metadata and ratings joined"),
            ("data", database.clone(), ""),
        ];
        let width = rows.iter().map(|(_, place, _)| place.chars().count()).max().unwrap_or_default();
        for (part, place, what) in rows {
            writeln!(f, "{}", format!("  {part:<10}{place:<width$}  {what}").trim_end())?;
        }
        writeln!(f, "\nTry:")?;
        writeln!(f, "  curl 'http://{movie}/movie?id=1'")?;
        writeln!(f, "  curl 'http://{movie}/v1/movies?query=star'")?;
        writeln!(f, "  curl 'http://{movie}/v1/top/movies?pageSize=3'")?;
        writeln!(f, "  curl -X PUT 'http://{rating}/rating?id=1&type=movie&userId=me&value=9'")?;
        writeln!(
            f,
            "  grpcurl -plaintext -d '{{\"movie_id\":\"1\"}}' {movie} movie.v1.MovieService/GetMovieDetails"
        )?;
        writeln!(f, "\nCtrl-C stops everything.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_aligned_and_names_every_address() {
        let announcement = Announcement {
            registry: "http://127.0.0.1:8500".into(),
            kafka: "127.0.0.1:9092".into(),
            metadata: "127.0.0.1:8081".into(),
            rating: "127.0.0.1:8082".into(),
            movie: "127.0.0.1:8083".into(),
            database: "data".into(),
        };
        let text = announcement.to_string();
        let lines: Vec<&str> = text.lines().take(5).collect();
        assert_eq!(lines[0], "  registry  http://127.0.0.1:8500/ui  service instances and their health");
        assert_eq!(lines[1], "  kafka     127.0.0.1:9092            topic ratings");
        for place in [
            "http://127.0.0.1:8081 ",
            "http://127.0.0.1:8082/rating?",
            "-d '{\"movie_id\":\"1\"}' 127.0.0.1:8083 ",
        ] {
            assert!(text.contains(place), "{text}");
        }
    }
}
