//! A movie as the controller returns it.

use cache::Shared;
use model::{Aggregate, Metadata, MovieDetails};

/// A movie whose parts are shared with other callers that read the same rows.
pub type Movie = MovieDetails<Shared<Metadata>, Shared<Aggregate>>;
