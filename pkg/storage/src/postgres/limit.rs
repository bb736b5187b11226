//! Time limits of calls to PostgreSQL.

use std::io;
use std::time::Duration;
use tokio::time::timeout;

/// How long a statement waits for a connection: a third of a request's default time limit, so that even
/// a write queued behind two others returns 503 in an outage before its time limit (504).
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_millis(600);

/// How long an idle connection may take to respond to a check, before it is replaced.
pub(super) const PING_TIMEOUT: Duration = Duration::from_millis(300);

/// How long a connection may take to become idle again after its call, before it is closed: longer only if
/// the call was cancelled and its statement still runs.
pub(super) const RETURN_TIMEOUT: Duration = Duration::from_millis(500);

/// The time limit of closing: it waits for calls in flight and closes each connection gracefully.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// The time limit of a single read statement. By default a request's limit is shorter.
pub const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// The time limit of a transaction that writes few rows: slightly longer than the server's lock time-out.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(8);

/// The time limit of a statement that rewrites whole tables, at startup.
pub const REWRITE_TIMEOUT: Duration = Duration::from_secs(3_600);

/// Awaits `call` for at most `limit`.
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
