//! Settings of a caller: whether a call may be executed twice, and the limits of its client.

use crate::error::Class;
use crate::statistics::Reason;
use std::time::Duration;

/// Whether a call may be executed twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It changes nothing: it is retried on another instance whenever its instance does not respond.
    Read,
    /// It is retried on another instance only if it cannot have been executed ([`Class::Unsent`]).
    ///
    /// Every call that changes something is a write. A put or a delete on its own has the same effect whether it is
    /// executed once or twice, but a write of another caller may come in between: `PutMetadata` and `DeleteMetadata`
    /// would undo it, and so would `PutRating` and `DeleteRating`, because ratings replace each other in order of
    /// arrival, whatever `ratedAt` says. The second response would also be wrong: not created, or not found, although
    /// the first execution created or deleted. So only reads are repeated.
    Write,
}

impl Mode {
    /// Returns why a call that failed with `class` may be retried on another instance, if it may.
    pub(super) fn retry_reason(self, class: Class) -> Option<Reason> {
        match (class, self) {
            (Class::Unsent, _) => Some(Reason::Unsent),
            (Class::Unavailable, Self::Read) => Some(Reason::Unavailable),
            (Class::Broken | Class::Cut, Self::Read) => Some(Reason::Broken),
            _ => None,
        }
    }
}

/// When a slow read is sent to a second instance as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hedge {
    /// After the 95th percentile of the latency of recent reads of this client, of all kinds; never before 128
    /// responses.
    P95,
    /// After a fixed time.
    After(Duration),
}

/// The limits of a client.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long one instance may take before its silence counts as a failure and a read is retried on another
    /// instance. A call that may not be retried continues until the caller's deadline.
    pub try_timeout: Duration,
    /// Maximum number of instances to which one call is sent.
    pub tries: usize,
    /// Maximum time that a call waits for the first response of the registry.
    pub first_set: Duration,
    /// Maximum number of calls in flight to one instance. Further calls wait until one has ended, within their
    /// deadlines. Up to half as many may be calls whose callers have given up; above that, such a call is cancelled.
    pub max_in_flight: usize,
    /// Whether, and when, a slow read is sent to a second instance too. The first response counts, and the retry
    /// budget pays for the second request. Writes are never hedged.
    pub hedge: Option<Hedge>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            try_timeout: Duration::from_millis(500),
            tries: 4,
            first_set: Duration::from_secs(1),
            max_in_flight: 200,
            hedge: None,
        }
    }
}
