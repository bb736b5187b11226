//! The table that is printed at startup: what runs where, with commands to try.

use std::fmt;

/// The addresses of all parts, as `host:port`, or as a URL if a part is not embedded.
#[derive(Clone, Debug)]
pub(crate) struct Announcement {
    /// The console, if there is one.
    pub(crate) console: Option<String>,
    /// The registry's URL.
    pub(crate) registry: String,
    /// The Kafka brokers.
    pub(crate) kafka: String,
    /// The instances of the metadata service.
    pub(crate) metadata: Vec<String>,
    /// The instances of the rating service.
    pub(crate) rating: Vec<String>,
    /// The movie service.
    pub(crate) movie: String,
    /// The location of the data.
    pub(crate) database: String,
}

impl fmt::Display for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { console, registry, kafka, metadata, rating, movie, database } = self;
        let (metadata, more_metadata) = split(metadata);
        let (rating, more_ratings) = split(rating);
        let page = format!("{}/ui", registry.trim_end_matches('/'));
        let console = console
            .as_ref()
            .map(|console| ("console", format!("http://{console}/"), "the system at work".to_owned()));
        let rows = [
            ("registry", page, "service instances and their health".to_owned()),
            ("kafka", kafka.clone(), "topic ratings".to_owned()),
            (
                "metadata",
                format!("http://{metadata}"),
                format!("movie metadata: REST and gRPC on one port{more_metadata}"),
            ),
            ("rating", format!("http://{rating}"), format!("ratings and aggregates{more_ratings}")),
            ("movie", format!("http://{movie}"), "movies: metadata and ratings joined".to_owned()),
            ("data", database.clone(), String::new()),
        ];
        let rows: Vec<_> = console.into_iter().chain(rows).collect();
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

/// Returns the first instance, and the others as an addition to its description.
fn split(instances: &[String]) -> (&str, String) {
    let Some((first, others)) = instances.split_first() else { return ("", String::new()) };
    let others = if others.is_empty() { String::new() } else { format!(" (also {})", others.join(", ")) };
    (first, others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_aligned_and_names_every_address() {
        let announcement = Announcement {
            console: Some("127.0.0.1:8080".into()),
            registry: "http://127.0.0.1:8500".into(),
            kafka: "127.0.0.1:9092".into(),
            metadata: vec!["127.0.0.1:8081".into()],
            rating: vec!["127.0.0.1:8082".into(), "127.0.0.1:41000".into()],
            movie: "127.0.0.1:8083".into(),
            database: "data".into(),
        };
        let text = announcement.to_string();
        let lines: Vec<&str> = text.lines().take(6).collect();
        assert_eq!(lines[0], "  console   http://127.0.0.1:8080/    the system at work");
        assert_eq!(lines[1], "  registry  http://127.0.0.1:8500/ui  service instances and their health");
        assert_eq!(lines[2], "  kafka     127.0.0.1:9092            topic ratings");
        assert!(lines[3].ends_with("on one port"), "{text}");
        assert!(lines[4].ends_with("ratings and aggregates (also 127.0.0.1:41000)"), "{text}");
        for place in [
            "http://127.0.0.1:8081 ",
            "http://127.0.0.1:8082/rating?",
            "-d '{\"movie_id\":\"1\"}' 127.0.0.1:8083 ",
        ] {
            assert!(text.contains(place), "{text}");
        }
    }
}
