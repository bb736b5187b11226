//! Lists whose rows are decoded one by one.

use crate::{metadata::v1 as metadata, rating::v1 as rating};
use bytes::Bytes;
use fault::Invalid;
use model::{Aggregate, Metadata};
use prost::Message;

/// Any response that lists metadata or aggregates, one page or a batch: its rows are in field 1 and
/// the next page's token, if it has pages, in field 2.
#[derive(Clone, PartialEq, Message)]
pub struct Rows {
    /// The rows' messages, as slices of the response.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub rows: Vec<Bytes>,
    /// Empty on the last page.
    #[prost(string, tag = "2")]
    pub next_page_token: String,
}

/// Why a row is not a valid domain type.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is not a valid message.
    #[error("a row can't be decoded")]
    Message(#[from] prost::DecodeError),
    /// It violates a rule of the model.
    #[error(transparent)]
    Noun(#[from] Invalid),
}

/// A domain type that lists have rows of.
pub trait Row: Sized {
    /// Decodes the row's message. Equal bytes give equal values.
    fn read(row: &[u8]) -> Result<Self, Unreadable>;

    /// Encodes the row's message.
    fn write(&self) -> Vec<u8>;
}

impl Row for Metadata {
    fn read(row: &[u8]) -> Result<Self, Unreadable> {
        Ok(metadata::Metadata::decode(row)?.try_into()?)
    }

    fn write(&self) -> Vec<u8> {
        metadata::Metadata::from(self).encode_to_vec()
    }
}

impl Row for Aggregate {
    fn read(row: &[u8]) -> Result<Self, Unreadable> {
        Ok(rating::AggregatedRating::decode(row)?.try_into()?)
    }

    fn write(&self) -> Vec<u8> {
        rating::AggregatedRating::from(self).encode_to_vec()
    }
}
