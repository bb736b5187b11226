//! Movies to store.

use model::{Genres, Metadata, RecordId, ReleaseYear, Text, Title};
use std::sync::Arc;

pub(crate) fn id(text: &str) -> RecordId {
    RecordId::new(text).unwrap()
}

/// Returns a movie with a title and nothing else.
pub(crate) fn movie(id_: &str, title: &str) -> Metadata {
    Metadata {
        id: id(id_),
        title: Title::new(title).unwrap(),
        description: Text::default(),
        director: Text::default(),
        release_year: None,
        genres: Genres::default(),
        revision: 0,
    }
}

/// Returns a movie with a value in every field, with characters that are special in SQL, JSON or arrays.
pub(crate) fn full(id_: &str) -> Metadata {
    Metadata {
        title: Title::new("Amélie \"' \\ {a,b} %_* 千と千尋 🎬").unwrap(),
        description: Text::description("Two\nlines,\t'quoted' \"twice\" \\n \u{2028}").unwrap(),
        director: Text::director("Jean-Pierre Jeunet; DROP TABLE metadata").unwrap(),
        release_year: Some(ReleaseYear::new(2001).unwrap()),
        genres: Genres::new(vec!["Romance, light".into(), "{}\"NULL\"".into(), "Romance, light".into()])
            .unwrap(),
        ..movie(id_, "x")
    }
}

pub(crate) fn ids(stored: &[Arc<Metadata>]) -> Vec<&str> {
    stored.iter().map(|stored| stored.id.as_str()).collect()
}
