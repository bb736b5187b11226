//! Hedging: a second future beside a slow first one, whatever these do.

use std::pin::pin;
use std::time::Duration;
use tokio::time::timeout;

/// Waits for `first`. If it takes longer than `delay` and `start_second` returns a future, waits for both: the first
/// result that `is_final` counts, or the later one if the earlier is not final. The other future is dropped.
///
/// Returns the result and whether it is that of the second future.
pub(super) async fn hedge<T, S: Future<Output = T>>(
    first: impl Future<Output = T>,
    delay: Duration,
    start_second: impl FnOnce() -> Option<S>,
    is_final: impl Fn(&T) -> bool,
) -> (T, bool) {
    let mut first = pin!(first);
    if let Ok(result) = timeout(delay, &mut first).await {
        return (result, false);
    }
    let Some(second) = start_second() else { return (first.await, false) };
    let mut second = pin!(second);
    tokio::select! {
        biased;
        result = &mut first => if is_final(&result) { (result, false) } else { (second.await, true) },
        result = &mut second => if is_final(&result) { (result, true) } else { (first.await, false) },
    }
}
