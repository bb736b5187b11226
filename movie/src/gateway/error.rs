//! How a call to a backend service can fail.

use fault::{Fault, Invalid, Kind, Violation};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The minimum time between two log lines about failures of the same kind of the same service.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// A failed call to a backend service. All readers of one batch receive the same failure.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No instance could be reached.
    #[error("the {service} service can't be reached")]
    Unavailable {
        /// The service that was called.
        service: &'static str,
        /// The failure of the last try.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// No response came within the deadline.
    #[error("the {service} service did not respond in time")]
    Late {
        /// The service that was called.
        service: &'static str,
    },
    /// The service rejected the request: the caller's fault, named in its fields.
    #[error(transparent)]
    Refused(Invalid),
    /// The response does not match the request.
    #[error("the {service} service returned an unexpected response")]
    Unexpected {
        /// The service that was called.
        service: &'static str,
        /// What is wrong with the response.
        source: Unexpected,
    },
    /// The service failed, or its response cannot be decoded.
    #[error("the {service} service failed")]
    Failed {
        /// The service that was called.
        service: &'static str,
        /// The service's error, or that of decoding its response.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Reports that `service` cannot be reached because of `source`.
    pub fn unavailable(
        service: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable { service, source: source.into().into() }
    }

    /// Reports that `service` failed with `source`.
    pub fn failed(
        service: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Failed { service, source: source.into().into() }
    }

    /// Logs a failure that does not fail the request, at most every [`LOG_EVERY`] for each service and kind.
    pub(crate) fn log_as_partial(&self) {
        static LOGGED: Mutex<Vec<(&str, Kind, Instant)>> = Mutex::new(Vec::new());
        let (service, kind, now) = (self.service(), self.kind(), Instant::now());
        let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
        logged.retain(|(.., last)| now.saturating_duration_since(*last) < LOG_EVERY);
        if !logged.iter().any(|(other, of_kind, _)| (*other, *of_kind) == (service, kind)) {
            logged.push((service, kind, now));
            tracing::warn!(cause = service::chain(self), "returning movies without their ratings");
        }
    }

    fn service(&self) -> &'static str {
        match self {
            Self::Unavailable { service, .. }
            | Self::Late { service }
            | Self::Unexpected { service, .. }
            | Self::Failed { service, .. } => service,
            Self::Refused(_) => "",
        }
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Unavailable { .. } | Self::Unexpected { .. } => Kind::Unavailable,
            Self::Late { .. } => Kind::Timeout,
            Self::Refused(_) => Kind::InvalidArgument,
            Self::Failed { .. } => Kind::Internal,
        }
    }

    fn violations(&self) -> &[Violation] {
        match self {
            Self::Refused(invalid) => invalid.violations(),
            _ => &[],
        }
    }
}

/// A row that a response must not contain. Nothing else of that response is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Unexpected {
    /// Its id was not requested.
    #[error("a row was not requested")]
    NotRequested,
    /// Another row has the same id.
    #[error("two rows have the same id")]
    Repeated,
    /// It is about a record of another type.
    #[error("a row has another record type")]
    OtherType,
    /// There are more rows than were requested.
    #[error("there are more rows than requested")]
    TooMany,
}

impl Unexpected {
    /// Turns this into the failure of `service`.
    pub(crate) const fn by(self, service: &'static str) -> Error {
        Error::Unexpected { service, source: self }
    }
}
