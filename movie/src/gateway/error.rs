//! How a call to a backend service can fail.

use fault::{Fault, Invalid, Kind, Violation};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The minimum time between two log lines about the same service and the same [`Unexpected`].
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
    /// Turns this into the failure of `service`, and logs it at most every [`LOG_EVERY`].
    pub(crate) fn by(self, service: &'static str) -> Error {
        static LOGGED: Mutex<BTreeMap<(&str, Unexpected), Instant>> = Mutex::new(BTreeMap::new());
        let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, last) = (Instant::now(), logged.get(&(service, self)));
        if last.is_none_or(|last| now.saturating_duration_since(*last) >= LOG_EVERY) {
            logged.insert((service, self), now);
            tracing::warn!(service, error = %self, "a response is not used");
        }
        Error::Unexpected { service, source: self }
    }
}
