//! Lists as they came: rows that are decoded by whoever wants them, one by one.

use crate::{metadata::v1 as metadata, rating::v1 as rating};
use bytes::Bytes;
use fault::Invalid;
use model::{Aggregate, Metadata};
use prost::Message;

/// Any answer that lists metadata or aggregates, one page or a batch of them: each has its rows in field 1 and
/// the next page's token, if it has pages, in field 2.
#[derive(Clone, PartialEq, Message)]
pub struct Rows {
    /// The rows' messages, as slices of the answer.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub rows: Vec<Bytes>,
    /// Empty on the last page.
    #[prost(string, tag = "2")]
    pub next_page_token: String,
}

/// Why a row is no noun.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It isn't the message that it should be.
    #[error("a row can't be decoded")]
    Message(#[from] prost::DecodeError),
    /// It breaks the model's rules.
    #[error(transparent)]
    Noun(#[from] Invalid),
}

/// A noun that lists have rows of.
pub trait Row: Sized {
    /// Reads the row's message. The same bytes always give the same.
    fn read(row: &[u8]) -> Result<Self, Unreadable>;

    /// Writes the row's message.
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
