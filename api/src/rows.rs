//! Metadata and aggregates as encoded protobuf messages.

use crate::{metadata::v1 as metadata, rating::v1 as rating};
use model::{Aggregate, Metadata};
use prost::Message;

/// A domain type that responses contain as a message.
pub trait Row {
    /// Encodes the value as its message.
    fn write(&self) -> Vec<u8>;
}

impl Row for Metadata {
    fn write(&self) -> Vec<u8> {
        metadata::Metadata::from(self).encode_to_vec()
    }
}

impl Row for Aggregate {
    fn write(&self) -> Vec<u8> {
        rating::AggregatedRating::from(self).encode_to_vec()
    }
}
