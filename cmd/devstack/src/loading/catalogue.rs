//! The built-in catalogue: about a hundred movies, the best known first.

use model::{Broken, Genres, Metadata, RecordId, ReleaseYear, Text, Title};
use serde::Deserialize;

const CATALOGUE: &str = include_str!("../../data/catalogue.json");

/// The catalogue can't be parsed, or a movie is invalid.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not the expected JSON.
    #[error("the built-in catalogue can't be read")]
    Json(#[from] serde_json::Error),
    /// A movie is invalid.
    #[error("movie {id} of the built-in catalogue {rule}")]
    Movie {
        /// The movie's id.
        id: String,
        /// The violated rule.
        rule: Broken,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Movie {
    id: String,
    title: String,
    release_year: i64,
    director: String,
    genres: Vec<String>,
    description: String,
}

/// Returns the movies by popularity among the simulated users; ids count from `1`.
pub fn movies() -> Result<Vec<Metadata>, Error> {
    let movies: Vec<Movie> = jsontext::from_slice(CATALOGUE.as_bytes())?;
    movies
        .into_iter()
        .map(|movie| {
            let id = movie.id.clone();
            checked(movie).map_err(|rule| Error::Movie { id, rule })
        })
        .collect()
}

fn checked(movie: Movie) -> Result<Metadata, Broken> {
    Ok(Metadata {
        id: RecordId::new(movie.id)?,
        title: Title::new(movie.title)?,
        description: Text::description(movie.description)?,
        director: Text::director(movie.director)?,
        release_year: Some(ReleaseYear::new(movie.release_year)?),
        genres: Genres::new(movie.genres)?,
        revision: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn about_a_hundred_films_pass_the_rules_under_ids_that_count_from_1() {
        let movies = movies().unwrap();
        assert_eq!(movies.len(), 104);
        for (number, movie) in (1..).zip(&movies) {
            assert_eq!(movie.id.as_str(), number.to_string());
        }
    }

    #[test]
    fn every_film_has_its_own_title_and_one_sentence() {
        let movies = movies().unwrap();
        let titles: HashSet<_> = movies.iter().map(|movie| movie.title.as_str()).collect();
        assert_eq!(titles.len(), movies.len());
        for movie in &movies {
            let sentence = movie.description.as_str();
            assert!(sentence.ends_with('.') && !sentence.contains(". "), "{}: {sentence}", movie.id);
            assert!(!movie.director.as_str().is_empty(), "{}", movie.id);
            assert!(!movie.genres.as_slice().is_empty(), "{}", movie.id);
        }
    }

    #[test]
    fn films_come_from_many_decades() {
        let decades: HashSet<_> = movies()
            .unwrap()
            .iter()
            .filter_map(|movie| movie.release_year)
            .map(|year| year.get() / 10)
            .collect();
        assert!(decades.len() >= 11, "{decades:?}");
    }
}
