//! The built-in catalogue: about a hundred movies, the best known first.

use model::{Broken, Genres, Metadata, RecordId, ReleaseYear, Text, Title};
use serde::Deserialize;

const CATALOGUE: &str = include_str!("../data/catalogue.json");

/// The catalogue can't be parsed, or a movie is invalid.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not the expected JSON.
    #[error("the built-in catalogue can't be read")]
    Json(#[from] serde_json::Error),
    /// A movie is invalid.
    #[error("movie {id} of the built-in catalogue {rule}")]
    Film {
        /// The movie's id.
        id: String,
        /// The violated rule.
        rule: Broken,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Film {
    id: String,
    title: String,
    release_year: i64,
    director: String,
    genres: Vec<String>,
    description: String,
}

/// Returns the movies by popularity among the simulated users; ids count from `1`.
pub fn films() -> Result<Vec<Metadata>, Error> {
    let films: Vec<Film> = serde_json::from_str(CATALOGUE)?;
    films
        .into_iter()
        .map(|film| {
            let id = film.id.clone();
            checked(film).map_err(|rule| Error::Film { id, rule })
        })
        .collect()
}

fn checked(film: Film) -> Result<Metadata, Broken> {
    Ok(Metadata {
        id: RecordId::new(film.id)?,
        title: Title::new(film.title)?,
        description: Text::description(film.description)?,
        director: Text::director(film.director)?,
        release_year: Some(ReleaseYear::new(film.release_year)?),
        genres: Genres::new(film.genres)?,
        revision: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn about_a_hundred_films_pass_the_rules_under_ids_that_count_from_1() {
        let films = films().unwrap();
        assert_eq!(films.len(), 104);
        for (number, film) in (1..).zip(&films) {
            assert_eq!(film.id.as_str(), number.to_string());
        }
    }

    #[test]
    fn every_film_has_its_own_title_and_one_sentence() {
        let films = films().unwrap();
        let titles: HashSet<_> = films.iter().map(|film| film.title.as_str()).collect();
        assert_eq!(titles.len(), films.len());
        for film in &films {
            let sentence = film.description.as_str();
            assert!(sentence.ends_with('.') && !sentence.contains(". "), "{}: {sentence}", film.id);
            assert!(!film.director.as_str().is_empty(), "{}", film.id);
            assert!(!film.genres.as_slice().is_empty(), "{}", film.id);
        }
    }

    #[test]
    fn films_come_from_many_decades() {
        let decades: HashSet<_> = films()
            .unwrap()
            .iter()
            .filter_map(|film| film.release_year)
            .map(|year| year.get() / 10)
            .collect();
        assert!(decades.len() >= 11, "{decades:?}");
    }
}
