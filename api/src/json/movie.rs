//! Joined movies as JSON.

use super::Metadata;
use model::{Aggregate, MovieDetails, Part};
use serde::Serialize;
use std::borrow::Borrow;

/// A movie's metadata with what its ratings come to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Movie<M = Metadata, R = MovieRating> {
    /// What is known about the movie.
    pub metadata: M,
    /// What its ratings come to; absent where there is none or they could not be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<R>,
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

impl From<&Aggregate> for MovieRating {
    fn from(from: &Aggregate) -> Self {
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

impl<M, A, N, R> From<&MovieDetails<M, A>> for Movie<N, R>
where
    N: for<'a> From<&'a M>,
    R: for<'a> From<&'a A>,
{
    fn from(from: &MovieDetails<M, A>) -> Self {
        Self {
            metadata: N::from(&from.metadata),
            rating: from.rating.as_ref().map(R::from),
            partial: names(&from.partial),
        }
    }
}

/// Movies, one page or a batch of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct MovieList<M = Movie> {
    /// The movies, in the list's order or the order asked.
    pub movies: Vec<M>,
    /// Where the next page starts; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

impl<T, M: for<'a> From<&'a T>> From<Vec<T>> for MovieList<M> {
    fn from(from: Vec<T>) -> Self {
        Self { movies: from.iter().map(M::from).collect(), next_page_token: None }
    }
}

impl<T, M: for<'a> From<&'a T>> From<model::page::Page<T>> for MovieList<M> {
    fn from(from: model::page::Page<T>) -> Self {
        Self { next_page_token: from.next, ..from.items.into() }
    }
}

/// A movie in the short form, whose rating is the bare mean.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShortMovie<M = Metadata> {
    /// The mean of its ratings; absent where there is none or they could not be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<f64>,
    /// What is known about the movie.
    pub metadata: M,
    /// The parts that could not be fetched: `rating`. Absent where the movie is whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub partial: Vec<&'static str>,
}

impl<M, A, N> From<&MovieDetails<M, A>> for ShortMovie<N>
where
    A: Borrow<Aggregate>,
    N: for<'a> From<&'a M>,
{
    fn from(from: &MovieDetails<M, A>) -> Self {
        Self {
            rating: from.rating.as_ref().map(|aggregate| aggregate.borrow().mean()),
            metadata: N::from(&from.metadata),
            partial: names(&from.partial),
        }
    }
}

fn names(parts: &[Part]) -> Vec<&'static str> {
    parts.iter().copied().map(Part::name).collect()
}
