//! How a call can fail, and what its failure means for the instance and for a retry.

use fault::{Fault, Kind, Violation};

/// What the end of a call means for its instance and for a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The service responded, possibly with an error of its own: the instance is healthy, and another would return
    /// the same.
    Application,
    /// The instance responded that it cannot serve, or with something that is not the service's. It may have started
    /// to execute the call.
    Unavailable,
    /// The instance cannot have seen the call: nothing listens on its port, or it refused before reading.
    Unsent,
    /// The connection broke during the call, which may or may not have been executed.
    Broken,
    /// The call ran out of time. That says nothing about the instance, and the call is over.
    Late,
    /// The connection was closed because other calls on it were given up. That says nothing about the instance. The
    /// call may or may not have been executed.
    Cut,
}

impl Class {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Unavailable => "unavailable",
            Self::Unsent => "unsent",
            Self::Broken => "broken",
            Self::Late => "late",
            Self::Cut => "cut",
        }
    }
}

/// A failure of one call that knows its [`Class`].
pub trait Failure {
    /// Returns the class of this failure.
    fn class(&self) -> Class;
}

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error<E> {
    /// No instance of the service is known.
    #[error("no instance of {service} is known")]
    NoInstance {
        /// Name of the service.
        service: String,
    },
    /// No response came before the caller's deadline.
    #[error("{service} did not respond in time")]
    Late {
        /// Name of the service.
        service: String,
    },
    /// The last instance that was tried failed.
    #[error("{service} at {authority} failed")]
    Failed {
        /// Name of the service.
        service: String,
        /// Address of the instance.
        authority: String,
        /// Error that the call returned.
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
