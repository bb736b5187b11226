//! Points in time with millisecond precision.

use crate::Broken;
use serde::{Serialize, Serializer};
use std::fmt;

/// A point in time: milliseconds since 1970 in UTC, within the years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

const MIN: i64 = -62_135_596_800_000;
const MAX: i64 = 253_402_300_799_999;

impl Timestamp {
    /// Creates the time `millis` milliseconds after 1970-01-01T00:00:00Z.
    pub fn from_millis(millis: i64) -> Result<Self, Broken> {
        if !(MIN..=MAX).contains(&millis) {
            return Err(Broken::new(format!(
                "must be within the years 1 to 9999, not {millis} ms since 1970"
            )));
        }
        jiff::Timestamp::from_millisecond(millis).map(|_| Self(millis)).map_err(|_| {
            Broken::new(format!("must be within the years 1 to 9999, not {millis} ms since 1970"))
        })
    }

    /// Parses RFC 3339 (`2026-11-21T12:00:00.000Z`) with any offset; fractions of a millisecond are dropped.
    pub fn parse(text: &str) -> Result<Self, Broken> {
        let time: Option<jiff::Timestamp> =
            if is_rfc3339(text.as_bytes()) { text.parse().ok() } else { None };
        let time =
            time.ok_or_else(|| Broken::new("must be an RFC 3339 time, such as 2026-11-21T12:00:00.000Z"))?;
        Self::from_millis(time.as_millisecond())
    }

    /// Returns the current time.
    #[must_use]
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_millisecond())
    }

    /// Returns the milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }
}

/// Returns true if `text` has the shape of RFC 3339's `date-time`. jiff checks the numbers, but accepts other shapes
/// of ISO 8601 as well.
fn is_rfc3339(text: &[u8]) -> bool {
    const DATE_AND_TIME: &[u8; 19] = b"0000-00-00T00:00:00";
    let Some((start, rest)) = text.split_at_checked(DATE_AND_TIME.len()) else { return false };
    let fits = |(byte, shape): (&u8, &u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        b'T' => b"Tt ".contains(byte),
        other => byte == other,
    };
    let offset = match rest {
        [b'.', fraction @ ..] => match fraction.iter().position(|byte| !byte.is_ascii_digit()) {
            Some(digits @ 1..) => &fraction[digits..],
            _ => return false,
        },
        rest => rest,
    };
    start.iter().zip(DATE_AND_TIME).all(fits)
        && match offset {
            [b'Z' | b'z'] => true,
            // jiff checks the digits.
            [b'+' | b'-', _, _, b':', _, _] => true,
            _ => false,
        }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => write!(f, "{} ms since 1970", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_formatted_in_utc_with_milliseconds() {
        for (text, written) in [
            ("2026-11-21T12:00:00Z", "2026-11-21T12:00:00.000Z"),
            ("2026-11-21T12:00:00.1239+02:00", "2026-11-21T10:00:00.123Z"),
            ("2026-11-21t12:00:00.5z", "2026-11-21T12:00:00.500Z"),
            ("2026-11-21 12:00:00-00:00", "2026-11-21T12:00:00.000Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), written, "{text}");
        }
    }

    #[test]
    fn invalid_time_is_rejected() {
        for bad in [
            "",
            "now",
            "1",
            "2026-11-21",
            "2026-13-01T00:00:00Z",
            "2026-11-21T12:00:00",
            "2026-11-21T12:00:00Z[UTC]",
            "2026-11-21T12:00:00.Z",
            "2026-11-21T12:00:00,5Z",
            "2026-11-21T12:00:00+02",
            "2026-11-21T12:00:00+0200",
            "2026-11-21T12:00:00+a2:00",
            "2026-11-21T12:00Z",
            "20261121T120000Z",
            "-002026-11-21T12:00:00Z",
        ] {
            assert!(Timestamp::parse(bad).is_err(), "{bad}");
        }
        assert!(Timestamp::from_millis(i64::MAX).is_err());
        assert!(Timestamp::from_millis(MIN - 1).is_err());
    }

    #[test]
    fn first_and_last_time_can_be_formatted() {
        for end in [MIN, MAX] {
            if let Ok(time) = Timestamp::from_millis(end) {
                assert_eq!(Timestamp::parse(&time.to_string()).unwrap(), time);
            }
        }
    }
}
