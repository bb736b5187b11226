//! The wire contract: protobuf messages and services, and the JSON shapes of REST and Kafka, each with conversions
//! from and to the domain types.
//!
//! A conversion into a domain type names each invalid field as the `.proto` files spell it; the HTTP boundary
//! converts the names to camel case.

mod check;
mod generated;
pub mod json;
pub mod media;
pub mod proto;

pub use generated::{metadata, movie, rating};

/// The services under their names without a package, which existing clients call.
pub mod compat {
    pub use crate::generated::{
        metadata_service_client, metadata_service_server, movie_service_client, movie_service_server,
        rating_service_client, rating_service_server,
    };
}

/// The encoded descriptor set of each service, for reflection.
pub mod descriptors {
    /// `metadata.v1` and its name without a package.
    pub const METADATA: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/metadata.bin"));
    /// `rating.v1` and its name without a package.
    pub const RATING: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rating.bin"));
    /// `movie.v1` and its name without a package.
    pub const MOVIE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/movie.bin"));
}
