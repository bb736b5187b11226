//! The service's two protocols: each parses, calls the controller once and wraps the answer.

pub(crate) mod grpc;
pub(crate) mod http;

use service::Deadline;
use std::time::Duration;
use tokio::time::Instant;

/// How much of a request's time is kept for sending the answer, so that a partial one arrives inside it.
const MARGIN: Duration = Duration::from_millis(100);

/// Until when the services behind may answer a request of this `deadline`.
fn backends(deadline: Deadline) -> Instant {
    let left = deadline.left();
    let margin = MARGIN.min(left / 5);
    Instant::from_std(deadline.0) - margin
}
