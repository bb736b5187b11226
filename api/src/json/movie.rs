//! Joined movies as JSON.

use super::Metadata;
use model::{MovieDetails, Part};
use serde::Serialize;

/// A movie's metadata with what its ratings come to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Movie {
    /// What is known about the movie.
    pub metadata: Metadata,
    /// What its ratings come to; absent where there is none or they could not be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<MovieRating>,
    /// The parts that could not be fetched: `rating`. Absent where the movie is whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub partial: Vec<&'static str>,
}

/// What the ratings of a movie come to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct MovieRating {
    /// How many ratings there are; at least 1.
    pub count: u64,
    /// The sum of their values.
    pub sum: u64,
    /// Their mean, 1 to 10.
    pub mean: f64,
    /// The mean, drawn towards a prior mean as far as ratings are few.
    pub weighted_mean: f64,
    /// How many ratings there are of each value; 10 counts, that of value 1 first.
    pub histogram: [u64; 10],
    /// Grows with every change of the aggregate.
    pub revision: u64,
}

impl From<&model::Aggregate> for MovieRating {
    fn from(from: &model::Aggregate) -> Self {
        Self {
            count: from.histogram.count(),
            sum: from.histogram.sum(),
            mean: from.mean(),
            weighted_mean: from.weighted_mean,
            histogram: *from.histogram.counts(),
            revision: from.revision,
        }
    }
}

impl From<&MovieDetails> for Movie {
    fn from(from: &MovieDetails) -> Self {
        Self {
            metadata: (&from.metadata).into(),
            rating: from.rating.as_ref().map(Into::into),
            partial: names(&from.partial),
        }
    }
}

/// Movies, one page or a batch of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct MovieList {
    /// The movies, in the list's order or the order asked.
    pub movies: Vec<Movie>,
    /// Where the next page starts; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

impl From<Vec<MovieDetails>> for MovieList {
    fn from(from: Vec<MovieDetails>) -> Self {
        Self { movies: from.iter().map(Into::into).collect(), next_page_token: None }
    }
}

impl From<model::page::Page<MovieDetails>> for MovieList {
    fn from(from: model::page::Page<MovieDetails>) -> Self {
        Self { next_page_token: from.next, ..from.items.into() }
    }
}

/// A movie in the short form, whose rating is the bare mean.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShortMovie {
    /// The mean of its ratings; absent where there is none or they could not be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<f64>,
    /// What is known about the movie.
    pub metadata: Metadata,
    /// The parts that could not be fetched: `rating`. Absent where the movie is whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub partial: Vec<&'static str>,
}

impl From<&MovieDetails> for ShortMovie {
    fn from(from: &MovieDetails) -> Self {
        Self {
            rating: from.rating.as_ref().map(model::Aggregate::mean),
            metadata: (&from.metadata).into(),
            partial: names(&from.partial),
        }
    }
}

fn names(parts: &[Part]) -> Vec<&'static str> {
    parts.iter().copied().map(Part::name).collect()
}
