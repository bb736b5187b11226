//! What a proxy does.

use std::time::Duration;

/// What the proxy does with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Forwards them.
    Forward,
    /// Resets them, and refuses new ones.
    Closed,
    /// Accepts and keeps them, but forwards nothing.
    Frozen,
    /// Delays everything that the server sends.
    Slow(Duration),
    /// Resets them, and responds to every request of new ones with an error.
    Failing,
}
