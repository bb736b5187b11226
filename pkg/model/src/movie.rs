//! A movie as the public sees it: metadata and ratings, joined.

use crate::{Aggregate, Metadata};

/// A part of a movie that another service stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The aggregate of its ratings.
    Rating,
}

impl Part {
    /// The part's name in the field `partial` of a response.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rating => "rating",
        }
    }
}

/// A movie's metadata with the aggregate of its ratings.
#[derive(Clone, Debug, PartialEq)]
pub struct MovieDetails {
    /// The movie's metadata.
    pub metadata: Metadata,
    /// The aggregate of its ratings; `None` if there are none or they could not be fetched.
    pub rating: Option<Aggregate>,
    /// The parts that could not be fetched; empty if the movie is complete.
    pub partial: Vec<Part>,
}
