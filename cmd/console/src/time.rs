//! Times: nanoseconds since 1970 as OTLP has them, milliseconds as the page has them.

use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds in a second.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// Returns the current time in nanoseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Converts a time from nanoseconds to milliseconds with microseconds as fractions: a `f64` has no more digits.
pub(crate) fn time_ms(nanoseconds: u64) -> f64 {
    (nanoseconds / 1_000) as f64 / 1_000.0
}

/// Converts a duration from nanoseconds to milliseconds.
pub(crate) fn duration_ms(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}
