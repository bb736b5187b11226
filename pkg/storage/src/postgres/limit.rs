//! How long calls to PostgreSQL may take.

use std::io;
use std::time::Duration;
use tokio::time::timeout;

/// How long a statement waits for a connection. A third of the time that a request has by default, so that even
/// a write that waits behind two others returns 503 in an outage before its time is over (504).
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_millis(600);

/// How long an idle connection may take to prove that it works, before another one replaces it.
pub(super) const PING_TIMEOUT: Duration = Duration::from_millis(300);

/// How long a connection may take to become idle again once its call has ended, before it is closed: longer only if
/// the call was cancelled and its statement still runs.
pub(super) const RETURN_TIMEOUT: Duration = Duration::from_millis(500);

/// How long closing may take: it waits for calls in flight and ends each connection in good order.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// How long a statement may take that runs on a pool by itself. By default a request ends earlier.
pub const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a transaction may take that writes few rows: somewhat longer than the server lets it wait for a lock.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(8);

/// How long a statement may take that rewrites whole tables, when a service starts.
pub const REWRITE_TIMEOUT: Duration = Duration::from_secs(3_600);

/// Waits for `call` at most as long as `limit`.
///
/// # Errors
///
/// That of `call`, or [`sqlx::Error::Io`] of the kind `TimedOut`.
pub async fn within<T, E: From<sqlx::Error>>(
    limit: Duration,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let late = |_| {
        let reason = format!("no response within {limit:?}");
        Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, reason)).into())
    };
    timeout(limit, call).await.unwrap_or_else(late)
}
