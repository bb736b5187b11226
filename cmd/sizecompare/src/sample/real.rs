//! Real movies: the first of a MovieLens folder, with their aggregated ratings.

use super::aggregate::aggregate;
use crate::record::{Metadata, Movie, Movies};
use model::{Histogram, RatingEvent};
use movielens::Folder;
use std::collections::HashMap;
use std::path::Path;

pub use movielens::Error;

/// The maximum number of movies.
pub const REAL_MOVIES: usize = 1_000;

pub(super) fn movies(folder: &Path) -> Result<Movies, Error> {
    let folder = Folder::open(folder)?;
    let films: Vec<_> = folder.films()?.take(REAL_MOVIES).collect::<Result<_, _>>()?;
    let mut histograms: HashMap<_, _> =
        films.iter().map(|film| (film.id.clone(), Histogram::default())).collect();
    for event in folder.ratings()? {
        if let RatingEvent::Put(rating) = event?
            && let Some(histogram) = histograms.get_mut(&rating.record.record_id)
        {
            histogram.add(rating.value);
        }
    }
    let movies = (1..).zip(films).map(|(revision, film)| {
        let histogram = histograms[&film.id];
        Movie {
            // Each rating counts as one change of the aggregate.
            rating: aggregate(&histogram, histogram.count().cast_signed()),
            metadata: metadata(film, revision),
            partial: Vec::new(),
        }
    });
    Ok(Movies { movies: movies.collect() })
}

fn metadata(film: model::Metadata, revision: i64) -> Metadata {
    Metadata {
        id: film.id.as_str().into(),
        title: film.title.as_str().into(),
        description: film.description.as_str().into(),
        director: film.director.as_str().into(),
        release_year: film.release_year.map(|year| year.get().into()),
        genres: film.genres.as_slice().to_vec(),
        revision,
    }
}
