//! Why a write was not made.

use crate::batch::Partition;
use crate::repository;
use std::sync::Arc;

/// Why a write was not made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Another owner moved the position of the partition: read the stored position again.
    #[error("the position of partition {0} was moved by another instance")]
    Fenced(Partition),
    /// The transaction failed; nothing of the batch is stored.
    #[error(transparent)]
    Storage(Arc<repository::Error>),
    /// The service is stopping and accepts no more writes.
    #[error("the service is stopping")]
    Stopped,
}

impl From<repository::Error> for Error {
    fn from(error: repository::Error) -> Self {
        match error {
            repository::Error::Fenced(partition) => Self::Fenced(partition),
            other => Self::Storage(Arc::new(other)),
        }
    }
}
