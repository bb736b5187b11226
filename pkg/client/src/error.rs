//! How a call can fail, and what its failure says about the instance and about trying elsewhere.

use fault::{Fault, Kind, Violation};

/// What a failed call tells about the instance that it went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The service answered, and this is its answer: the instance is well, another would say the same.
    Application,
    /// The instance answered that it can't serve at present; it may have begun to.
    Unavailable,
    /// The instance can't have seen the call: nobody listened, or it refused before reading.
    Unsent,
    /// The connection broke while the call was under way: it may or may not have been executed.
    Broken,
}

/// A failure of one call that knows its [`Class`].
pub trait Failure {
    /// What this failure tells about the instance.
    fn class(&self) -> Class;
}

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error<E> {
    /// No instance of the service is known.
    #[error("no instance of {service} is known")]
    NoInstance {
        /// The service's name.
        service: String,
    },
    /// No answer came before the caller's deadline.
    #[error("{service} did not answer in time")]
    Late {
        /// The service's name.
        service: String,
    },
    /// The last instance that was tried failed.
    #[error("{service} at {authority} failed")]
    Failed {
        /// The service's name.
        service: String,
        /// The address of the instance.
        authority: String,
        /// What the call returned.
        #[source]
        cause: E,
    },
}

impl<E: Fault + 'static> Fault for Error<E> {
    fn kind(&self) -> Kind {
        match self {
            Self::NoInstance { .. } => Kind::Unavailable,
            Self::Late { .. } => Kind::Timeout,
            Self::Failed { cause, .. } => cause.kind(),
        }
    }

    fn violations(&self) -> &[Violation] {
        match self {
            Self::Failed { cause, .. } => cause.violations(),
            _ => &[],
        }
    }
}
