//! The time limit of a request, and recovery from panics of its handler.

use super::call::{Call, Halted};
use crate::telemetry::{Caught, take_place};
use futures::FutureExt;
use http::HeaderMap;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::{Duration, Instant};

/// Runs the handler of `call` until it times out.
pub(crate) async fn guarded<T>(handler: impl Future<Output = T>, call: &Call) -> Result<T, Halted> {
    // Pinned here, the handler is not moved into the timer's future as well.
    let handler = pin!(handler);
    let mut handler = pin!(AssertUnwindSafe(Caught(handler)).catch_unwind());
    let mut check = call.first_check();
    loop {
        match tokio::time::timeout_at(check.into(), handler.as_mut()).await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(panic)) => return Err(Halted::Panic(text(&*panic))),
            // The body may have moved the expiry since the timer was set.
            Err(_) => check = call.check(Instant::now())?,
        }
    }
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let text = format!("a handler panicked: {}", text.unwrap_or("without a text"));
    take_place().map_or(text.clone(), |place| format!("{text}, at {place}"))
}

/// Parses the `grpc-timeout` of a caller: at most 8 digits and a unit.
pub(crate) fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn grpc_timeout_is_digits_and_unit() {
        for (value, expected) in [
            ("2H", Some(Duration::from_secs(7200))),
            ("1M", Some(Duration::from_secs(60))),
            ("3S", Some(Duration::from_secs(3))),
            ("250m", Some(Duration::from_millis(250))),
            ("99999999u", Some(Duration::from_micros(99_999_999))),
            ("1n", Some(Duration::from_nanos(1))),
            ("", None),
            ("S", None),
            ("5", None),
            ("+5S", None),
            ("100000000S", None),
            ("1 S", None),
        ] {
            let headers = HeaderMap::from_iter([(
                http::header::HeaderName::from_static("grpc-timeout"),
                HeaderValue::from_static(value),
            )]);
            assert_eq!(grpc_timeout(&headers), expected, "{value:?}");
        }
        assert_eq!(grpc_timeout(&HeaderMap::new()), None);
    }
}
