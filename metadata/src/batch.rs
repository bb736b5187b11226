//! Writes that share one transaction: what each asks for and what it returns.

pub(crate) mod plan;

use model::{Metadata, RecordId};
use std::sync::Arc;

/// One caller's write.
#[derive(Clone, Debug)]
pub enum Write {
    /// Stores these records, whose ids are distinct. Their revisions are ignored.
    Put(Vec<Metadata>),
    /// Deletes the record with this id.
    Delete(RecordId),
}

/// The result of a [`Write`].
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// One entry per record, in the order of the write.
    Put(Vec<Put>),
    /// Whether there was a record to delete.
    Deleted(bool),
}

/// The result of storing one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Put {
    /// The stored state, with its revision.
    pub metadata: Arc<Metadata>,
    /// Whether no record had this id before.
    pub created: bool,
}

impl Write {
    /// The ids of the records that the write may change.
    pub fn ids(&self) -> impl Iterator<Item = &RecordId> {
        let (puts, delete) = match self {
            Self::Put(batch) => (batch.as_slice(), None),
            Self::Delete(id) => (&[][..], Some(id)),
        };
        puts.iter().map(|put| &put.id).chain(delete)
    }
}
