//! Points in time, to the millisecond.

use crate::Broken;
use serde::{Serialize, Serializer};
use std::fmt;

/// A point in time: milliseconds since 1970 in UTC, within the years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

const MIN: i64 = -62_135_596_800_000;
const MAX: i64 = 253_402_300_799_999;

impl Timestamp {
    /// The time `millis` milliseconds after 1970-01-01T00:00:00Z.
    pub fn from_millis(millis: i64) -> Result<Self, Broken> {
        if !(MIN..=MAX).contains(&millis) {
            return Err(Broken::new(format!(
                "must be within the years 1 to 9999, not {millis} ms from 1970"
            )));
        }
        jiff::Timestamp::from_millisecond(millis).map(|_| Self(millis)).map_err(|_| {
            Broken::new(format!("must be within the years 1 to 9999, not {millis} ms from 1970"))
        })
    }

    /// Reads RFC 3339 (`2026-11-21T12:00:00.000Z`); any offset is taken, parts of a millisecond are dropped.
    pub fn parse(text: &str) -> Result<Self, Broken> {
        let rfc3339 = |c: u8| c.is_ascii_digit() || b"-+:.TtZz ".contains(&c);
        let time: jiff::Timestamp =
            text.parse().ok().filter(|_| text.bytes().all(rfc3339)).ok_or_else(|| {
                Broken::new("must be a time as in RFC 3339, such as 2026-11-21T12:00:00.000Z")
            })?;
        Self::from_millis(time.as_millisecond())
    }

    /// The present time.
    #[must_use]
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_millisecond())
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => write!(f, "{} ms from 1970", self.0),
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
    fn a_time_is_written_in_utc_with_milliseconds() {
        for (text, written) in [
            ("2026-11-21T12:00:00Z", "2026-11-21T12:00:00.000Z"),
            ("2026-11-21T12:00:00.1239+02:00", "2026-11-21T10:00:00.123Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), written, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in ["", "now", "2026-11-21", "2026-13-01T00:00:00Z", "1", "2026-11-21T12:00:00Z[UTC]"] {
            assert!(Timestamp::parse(bad).is_err(), "{bad}");
        }
        assert!(Timestamp::from_millis(i64::MAX).is_err());
        assert!(Timestamp::from_millis(MIN - 1).is_err());
    }

    #[test]
    fn both_ends_can_be_written() {
        for end in [MIN, MAX] {
            if let Ok(time) = Timestamp::from_millis(end) {
                assert_eq!(Timestamp::parse(&time.to_string()).unwrap(), time);
            }
        }
    }
}
