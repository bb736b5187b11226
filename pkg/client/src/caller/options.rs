//! What a caller decides: whether a call may be executed twice, and how patient its client is.

use crate::error::Class;
use crate::statistics::Reason;
use std::time::Duration;

/// Whether a call may be executed twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It changes nothing: it is tried elsewhere whenever its instance does not answer.
    Read,
    /// It is tried elsewhere only where it can't have been executed ([`Class::Unsent`]).
    ///
    /// Every call that changes something is one. By its nature a put or a delete leaves the same whether it is
    /// executed once or twice, but not with another's write in between: `PutMetadata` and `DeleteMetadata`
    /// would undo it, and so would `PutRating` and `DeleteRating`, since ratings replace each other in the order
    /// in which they arrive, whatever `ratedAt` says. The second answer would also be wrong: not created, or not
    /// found, where the first execution created or deleted. So only reads are repeated.
    Write,
}

impl Mode {
    /// Why a call that failed like this may be tried elsewhere, if it may.
    pub(super) fn reason(self, class: Class) -> Option<Reason> {
        match (class, self) {
            (Class::Unsent, _) => Some(Reason::Unsent),
            (Class::Unavailable, Self::Read) => Some(Reason::Unavailable),
            (Class::Broken | Class::Cut, Self::Read) => Some(Reason::Broken),
            _ => None,
        }
    }
}

/// When a read that is slow is sent to a second instance as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hedge {
    /// After the 95th percentile of the time that reads of this client took of late, of whichever kind; never
    /// before 128 were answered.
    P95,
    /// After a fixed time.
    After(Duration),
}

/// The limits of a client.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long one instance may take before its silence counts as a failure and a read goes elsewhere. A
    /// call that may not be tried elsewhere goes on until the caller's deadline.
    pub try_timeout: Duration,
    /// How many instances one call is sent to at most.
    pub tries: usize,
    /// How long a call waits at most for the registry's first answer.
    pub first_set: Duration,
    /// How many calls one instance has in flight at most. Further calls wait until one has ended, within their
    /// deadlines. Half as many may be calls that no caller waits for any more; above that, such a call is cancelled.
    pub max_in_flight: usize,
    /// Whether, and when, a slow read is sent to a second instance too: the first response counts. The budget for
    /// retries pays for it. Writes never are.
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
