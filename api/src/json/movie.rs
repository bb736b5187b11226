//! Joined movies as JSON. The texts are borrowed, as these shapes are only written.

use super::Metadata;
#[cfg(feature = "openapi")]
use super::schema;
use model::page::Page;
use model::search::Found;
use model::{Aggregate, MovieDetails, Part};
use serde::Serialize;

/// A movie's metadata with its aggregated rating.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Movie<'a> {
    /// The movie's metadata, which the model writes in the shape of [`Metadata`].
    #[cfg_attr(feature = "openapi", schema(value_type = Metadata))]
    pub metadata: &'a model::Metadata,
    /// The aggregate of its ratings; absent if there are none or they could not be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub rating: Option<MovieRating>,
    /// The parts that could not be fetched: `rating`. Absent if the movie is complete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<schema::MoviePart>, min_items = 1))]
    pub partial: Vec<&'static str>,
}

impl<'a> From<&'a MovieDetails> for Movie<'a> {
    fn from(from: &'a MovieDetails) -> Self {
        Self {
            metadata: &from.metadata,
            rating: from.rating.as_ref().map(MovieRating::from),
            partial: names(&from.partial),
        }
    }
}

/// The aggregate of a movie's ratings: an [`Aggregate`](super::Aggregate) without its record.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct MovieRating {
    /// The number of ratings, at least 1.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub count: u64,
    /// The sum of their values.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub sum: u64,
    /// Their mean, 1 to 10.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Mean))]
    pub mean: f64,
    /// The mean, weighted with a prior mean: the fewer ratings, the closer to that.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Mean))]
    pub weighted_mean: f64,
    /// The number of ratings of each value: 10 counts, value 1 first.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<u64>, min_items = 10, max_items = 10))]
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

/// Movies, one page or a batch of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct MovieList<'a> {
    /// The movies, in the order of the list or of the request.
    #[cfg_attr(feature = "openapi", schema(max_items = 500))]
    pub movies: Vec<Movie<'a>>,
    /// The token of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = schema::PageToken))]
    pub next_page_token: Option<&'a str>,
    /// The query that the list matches, if the one in the request matches nothing and has been corrected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub corrected: Option<&'a str>,
}

impl<'a> From<&'a [MovieDetails]> for MovieList<'a> {
    fn from(from: &'a [MovieDetails]) -> Self {
        Self { movies: from.iter().map(Movie::from).collect(), next_page_token: None, corrected: None }
    }
}

impl<'a> From<&'a Page<MovieDetails>> for MovieList<'a> {
    fn from(from: &'a Page<MovieDetails>) -> Self {
        Self { next_page_token: from.next.as_deref(), ..from.items.as_slice().into() }
    }
}

impl<'a> From<&'a Found<MovieDetails>> for MovieList<'a> {
    fn from(from: &'a Found<MovieDetails>) -> Self {
        Self { corrected: from.corrected.as_deref(), ..(&from.page).into() }
    }
}

/// A movie in the short form, whose rating is the bare mean.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShortMovie<'a> {
    /// The mean of its ratings; absent if there are none or they could not be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Mean))]
    pub rating: Option<f64>,
    /// The movie's metadata, which the model writes in the shape of [`Metadata`].
    #[cfg_attr(feature = "openapi", schema(value_type = Metadata))]
    pub metadata: &'a model::Metadata,
    /// The parts that could not be fetched: `rating`. Absent if the movie is complete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<schema::MoviePart>, min_items = 1))]
    pub partial: Vec<&'static str>,
}

impl<'a> From<&'a MovieDetails> for ShortMovie<'a> {
    fn from(from: &'a MovieDetails) -> Self {
        Self {
            rating: from.rating.as_ref().map(Aggregate::mean),
            metadata: &from.metadata,
            partial: names(&from.partial),
        }
    }
}

fn names(parts: &[Part]) -> Vec<&'static str> {
    parts.iter().copied().map(Part::name).collect()
}
