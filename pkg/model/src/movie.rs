//! A movie as the public sees it: metadata and ratings, joined.

use crate::{Aggregate, Metadata};

/// A part of a movie that another service keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What its ratings come to.
    Rating,
}

impl Part {
    /// The part's name in an answer's `partial`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rating => "rating",
        }
    }
}

/// A movie's metadata with what its ratings come to: the nouns themselves, or whatever they are shared by.
#[derive(Clone, Debug, PartialEq)]
pub struct MovieDetails<M = Metadata, A = Aggregate> {
    /// What is known about the movie.
    pub metadata: M,
    /// What its ratings come to; `None` where there is none or they could not be fetched.
    pub rating: Option<A>,
    /// The parts that could not be fetched; empty where the movie is whole.
    pub partial: Vec<Part>,
}
