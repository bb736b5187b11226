//! Movies with their ratings as JSON.

use super::Metadata;
use model::{Aggregate, MovieDetails, Part};
use serde::Serialize;
use std::borrow::Borrow;

/// A movie's metadata with its aggregated ratings.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Movie<M = Metadata, R = MovieRating> {
    /// The movie's metadata.
    pub metadata: M,
    /// The aggregated ratings; absent if the movie has no ratings or they could not be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<R>,
    /// The parts that could not be fetched: `rating`. Absent if the movie is complete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub partial: Vec<&'static str>,
}

/// The aggregated ratings of a movie.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct MovieRating {
    /// The number of ratings; at least 1.
    pub count: u64,
    /// The sum of the values.
    pub sum: u64,
    /// The mean of the values, 1 to 10.
    pub mean: f64,
    /// The Bayesian weighted mean: the fewer ratings, the closer to the prior mean.
    pub weighted_mean: f64,
    /// The number of ratings per value: 10 counts, value 1 first.
    pub histogram: [u64; 10],
    /// Increases with every change of the aggregate.
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

/// A page or a batch of movies.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct MovieList<M = Movie> {
    /// The movies, in the order of the list or of the requested ids.
    pub movies: Vec<M>,
    /// The token of the next page; absent on the last page.
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

/// A movie in the short form: its rating is only the mean.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShortMovie<M = Metadata> {
    /// The mean of its ratings; absent if it has no ratings or they could not be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<f64>,
    /// The movie's metadata.
    pub metadata: M,
    /// The parts that could not be fetched: `rating`. Absent if the movie is complete.
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
