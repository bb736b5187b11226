//! The compared records, the classic one first.

mod aggregate;
mod list;
mod real;

use crate::format::{Format, Record};
use crate::record::{Classic, Metadata, Movie, Rating};
use crate::subject::Subject;
use aggregate::aggregate;
use anyhow::Result;
use model::Histogram;
use std::path::Path;

pub use real::{Error, REAL_MOVIES};

/// A record with its name.
pub struct Sample {
    /// The name in arguments and files.
    pub name: &'static str,
    /// Its description.
    pub about: String,
    record: Box<dyn Bind>,
}

/// A record of any type.
trait Bind {
    fn bind(&self, format: Format) -> Result<Option<Box<dyn Subject>>>;
}

impl<R: Record> Bind for R {
    fn bind(&self, format: Format) -> Result<Option<Box<dyn Subject>>> {
        format.bind(self)
    }
}

impl Sample {
    /// A record to compare.
    pub fn new(name: &'static str, about: impl Into<String>, record: impl Record) -> Self {
        Self { name, about: about.into(), record: Box::new(record) }
    }

    /// Binds the record to `format`: encodes, decodes and compares it. `None` if the format supports only lists and
    /// the record is not a list.
    pub fn bind(&self, format: Format) -> Result<Option<Box<dyn Subject>>> {
        let named = |error: anyhow::Error| error.context(format!("{} in {}", self.name, format.about().name));
        self.record.bind(format).map_err(named)
    }
}

/// Returns the built-in records.
#[must_use]
pub fn built_in() -> Vec<Sample> {
    vec![
        Sample::new("classic", "the classic record: id 123, \"The Movie 2\"", classic()),
        Sample::new("small", "a small movie", small()),
        Sample::new("everything", "a movie with everything", everything()),
        Sample::new("rating", "a rating event", rating()),
        Sample::new("list", "a list of 100 movies", list::movies()),
    ]
}

/// Returns the first movies of the MovieLens folder `folder` with their aggregated ratings.
pub fn real(folder: &Path) -> Result<Sample, Error> {
    let movies = real::movies(folder)?;
    Ok(Sample::new("real", format!("{} movies of MovieLens", movies.movies.len()), movies))
}

fn classic() -> Classic {
    Classic {
        id: "123".into(),
        title: "The Movie 2".into(),
        description: "Sequel of the legendary The Movie".into(),
        director: "Foo Bars".into(),
    }
}

fn small() -> Metadata {
    Metadata {
        id: "4711".into(),
        title: "The Lighthouse Keeper's Daughter".into(),
        description: "A storm brings home the one letter that was never meant to arrive.".into(),
        director: "Ada Brandt".into(),
        release_year: Some(1974),
        genres: vec!["Drama".into(), "Romance".into()],
        revision: 42,
    }
}

fn everything() -> Movie {
    let paragraph = "Łucja, żona kapitana, liest die Briefe laut vor – 日本語の手紙も、русские тоже – \
         and each of them ends with the same <unfinished> sentence & a \"question\". ";
    let genres = ["Drama", "Mystery", "Romance", "Film-Noir", "History", "Animation", "Comédie 🎬"];
    let histogram = Histogram::new([12, 9, 30, 51, 118, 342, 1_207, 2_951, 3_344, 1_820]);
    Movie {
        metadata: Metadata {
            id: "tt0099685-director's-cut".into(),
            title: "Łódź – Письма из порта (港からの手紙)".into(),
            description: paragraph.repeat(8),
            director: "Zoë Ñandú-O'Brien".into(),
            release_year: Some(1999),
            genres: genres.map(String::from).to_vec(),
            revision: 9_007_199_254_740_993,
        },
        rating: aggregate(&histogram, 20_114),
        partial: vec!["rating".into()],
    }
}

fn rating() -> Rating {
    Rating {
        user_id: "viewer-1093".into(),
        record_id: "4711".into(),
        record_type: "movie".into(),
        value: 9,
        provider_id: Some("marquee".into()),
        rated_at: 1_795_276_800_123,
    }
}
