//! The JSON shapes of REST and Kafka: camel case, absent optional fields omitted, lists always present.
//!
//! They repeat the fields of the protobuf messages in `proto.rs`, as the two contracts change separately: each shape is
//! written out once, with the conversions beside it. The rules are not repeated: all conversions share `check.rs`.

mod ingestion;
mod metadata;
mod movie;
mod rating;
mod request;
#[cfg(feature = "openapi")]
pub mod schema;
mod whole;

pub use ingestion::{IngestedBatches, IngestedEvents, IngestedPartition, Ingestion, PartitionState};
pub use metadata::{BatchPutMetadata, Metadata, MetadataList, PutMetadata};
pub use movie::{Movie, MovieList, MovieRating, ShortMovie};
pub use rating::{Aggregate, AggregateList, EventType, PutRating, Rating, RatingEvent, RatingList};
pub use request::{ids, min_count, page};
