//! How a call can fail, and what its failure says about the instance and about a retry elsewhere.

use fault::{Fault, Kind, Violation};

/// What the end of a call says about its instance and about a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The service responded, be it with an error of its own: the instance is well, and another would respond
    /// the same.
    Application,
    /// The instance responded that it cannot serve, or not as the service would; it may have begun to serve.
    Unavailable,
    /// The instance cannot have seen the call: nothing listens there, or it refused before reading.
    Unsent,
    /// The connection broke during the call, which may or may not have been executed.
    Broken,
    /// The time that the call was given ran out. That says nothing about the instance, and the call is over.
    Late,
    /// The connection was closed because of other calls that were given up on it. That says nothing about the
    /// instance. The call may or may not have been executed.
    Cut,
}

/// A failure of one call that knows its [`Class`].
pub trait Failure {
    /// Returns what this failure says about the instance.
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
    /// No response came before the caller's deadline.
    #[error("{service} did not respond in time")]
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
