//! Points in time with millisecond precision.

use crate::Broken;
use jiff::SignedDuration;
use jiff::civil::{DateTime, Time};
use serde::{Serialize, Serializer};
use std::fmt;

/// A point in time: milliseconds since 1970 in UTC, within the years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

const MIN: i64 = -62_135_596_800_000;
const MAX: i64 = 253_402_300_799_999;
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

impl Timestamp {
    /// Creates the time `millis` milliseconds after 1970-01-01T00:00:00Z.
    pub fn from_millis(millis: i64) -> Result<Self, Broken> {
        if (MIN..=MAX).contains(&millis) {
            return Ok(Self(millis));
        }
        Err(Broken::new(format!("must be within the years 1 to 9999, not {millis} ms since 1970")))
    }

    /// Parses RFC 3339 (`2026-11-21T12:00:00.000Z`) with any offset up to 23:59, rounded down to milliseconds. A leap
    /// second, which is the second 60 at the end of a month in UTC, becomes the last millisecond before it.
    pub fn parse(text: &str) -> Result<Self, Broken> {
        let millis = millis(text.as_bytes())
            .ok_or_else(|| Broken::new("must be an RFC 3339 time, such as 2026-11-21T12:00:00.000Z"))?;
        Self::from_millis(millis)
            .map_err(|_| Broken::new(format!("must be within the years 1 to 9999 in UTC, not {text}")))
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

/// Parses RFC 3339's `date-time` into milliseconds since 1970, which may be outside the range of a [`Timestamp`].
fn millis(text: &[u8]) -> Option<i64> {
    let (start, rest) = text.split_first_chunk::<19>()?;
    let [.., b'-', _, _, b'-', _, _, b'T' | b't' | b' ', _, _, b':', _, _, b':', _, _] = start else {
        return None;
    };
    let two = |at: usize| i8::try_from(number(&start[at..at + 2])?).ok();
    let (year, month, day) = (number(&start[..4])?, two(5)?, two(8)?);
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    let is_leap = second == 60;
    let local = DateTime::new(year, month, day, hour, minute, if is_leap { 59 } else { second }, 0).ok()?;
    let (fraction, zone) = match rest {
        [b'.', rest @ ..] => {
            rest.split_at(rest.iter().position(|byte| !byte.is_ascii_digit()).filter(|at| *at > 0)?)
        }
        zone => zone.split_at(0),
    };
    let seconds = local.duration_since(EPOCH).as_secs() - 60 * offset(zone)?;
    let millis = match is_leap {
        true if ends_month(seconds) => 999,
        true => return None,
        false => (0..3)
            .fold(0, |millis, at| 10 * millis + fraction.get(at).map_or(0, |digit| i64::from(digit - b'0'))),
    };
    Some(seconds * 1_000 + millis)
}

/// Returns the value of at most four digits.
fn number(digits: &[u8]) -> Option<i16> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i16::from(byte - b'0'));
    digits.iter().try_fold(0, |number, byte| Some(10 * number + digit(*byte)?))
}

/// Parses RFC 3339's `time-offset` into minutes.
fn offset(zone: &[u8]) -> Option<i64> {
    match *zone {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let hours = number(&[h1, h2]).filter(|hours| *hours < 24)?;
            let minutes = number(&[m1, m2]).filter(|minutes| *minutes < 60)?;
            let minutes = i64::from(hours * 60 + minutes);
            Some(if sign == b'-' { -minutes } else { minutes })
        }
        _ => None,
    }
}

/// Returns true if this second is the last of a month in UTC, a leap second apart.
fn ends_month(seconds: i64) -> bool {
    let second = EPOCH.checked_add(SignedDuration::from_secs(seconds));
    second.is_ok_and(|second| {
        second.day() == second.date().days_in_month() && second.time() == Time::constant(23, 59, 59, 0)
    })
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match EPOCH.checked_add(SignedDuration::from_millis(self.0)) {
            Ok(time) => write!(f, "{time:.3}Z"),
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
    use proptest::prelude::*;

    #[test]
    fn time_is_formatted_in_utc_with_milliseconds() {
        for (text, written) in [
            ("2026-11-21T12:00:00Z", "2026-11-21T12:00:00.000Z"),
            ("2026-11-21T12:00:00.1239+02:00", "2026-11-21T10:00:00.123Z"),
            ("2026-11-21t12:00:00.5z", "2026-11-21T12:00:00.500Z"),
            ("2026-11-21 12:00:00-00:00", "2026-11-21T12:00:00.000Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
            ("9999-12-31T23:59:59.9999999999999999999999Z", "9999-12-31T23:59:59.999Z"),
            ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
            ("2026-11-21T12:00:00.1234567891Z", "2026-11-21T12:00:00.123Z"),
            ("2026-11-21T23:59:00+23:59", "2026-11-21T00:00:00.000Z"),
            ("2026-11-21T00:00:00-23:59", "2026-11-21T23:59:00.000Z"),
            ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00.000Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999Z"),
            ("2016-12-31T23:59:60.5z", "2016-12-31T23:59:59.999Z"),
            ("1990-12-31T15:59:60-08:00", "1990-12-31T23:59:59.999Z"),
            ("2017-01-01T05:29:60+05:30", "2016-12-31T23:59:59.999Z"),
            ("2024-02-29T23:59:60Z", "2024-02-29T23:59:59.999Z"),
            ("9999-12-31T23:59:60Z", "9999-12-31T23:59:59.999Z"),
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
            "+12026-11-21T12:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T12:60:00Z",
            "2026-11-21T12:00:61Z",
            "2026-11-21T12:00:60Z",
            "2026-11-21T23:59:60Z",
            "2026-11-30T23:59:60+01:00",
            "2026-11-30T23:58:60Z",
            "2023-02-29T00:00:00Z",
            "2026-11-21T12:00:00+24:00",
            "2026-11-21T12:00:00+25:00",
            "2026-11-21T12:00:00-00:60",
            "2026-11-21T12:00:00+00:00:00",
            "2026-11-21_12:00:00Z",
            "2026-11-21T12:00:00Z ",
            " 2026-11-21T12:00:00Z",
            "2026-11-21T12:00:00.1234",
            "2026-11-21T12:00:0\u{660}Z",
        ] {
            let broken = Timestamp::parse(bad).unwrap_err().to_string();
            assert!(broken.starts_with("must be an RFC 3339 time, such as "), "{bad}: {broken}");
        }
        assert!(Timestamp::from_millis(i64::MAX).is_err());
        assert!(Timestamp::from_millis(MIN - 1).is_err());
    }

    #[test]
    fn time_outside_of_range_is_rejected_with_range() {
        for bad in [
            "0000-12-31T23:59:59Z",
            "0001-01-01T00:00:00+01:00",
            "0001-01-01T00:00:00.999+00:01",
            "9999-12-31T23:59:59.999-00:01",
        ] {
            let broken = Timestamp::parse(bad).unwrap_err().to_string();
            assert_eq!(broken, format!("must be within the years 1 to 9999 in UTC, not {bad}"));
        }
        assert!(Timestamp::from_millis(MIN).is_ok() && Timestamp::from_millis(MAX).is_ok());
        for bad in [MIN - 1, MAX + 1, i64::MIN] {
            let broken = Timestamp::from_millis(bad).unwrap_err().to_string();
            assert_eq!(broken, format!("must be within the years 1 to 9999, not {bad} ms since 1970"));
        }
    }

    fn is_leap_year(year: i64) -> bool {
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    }

    fn month_length(year: i64, month: i64) -> i64 {
        match month {
            2 if is_leap_year(year) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// Returns the days from 1970-01-01 to a day, counted with months that start in March.
    fn days(year: i64, month: i64, day: i64) -> i64 {
        let year = if month <= 2 { year - 1 } else { year };
        let (era, month) = (year.div_euclid(400), (month + 9) % 12);
        let year = year.rem_euclid(400);
        era * 146_097 + year * 365 + year / 4 - year / 100 + (153 * month + 2) / 5 + day - 1 - 719_468
    }

    proptest! {
        #[test]
        fn parsed_time_equals_independent_computation(
            (year, month, day) in (0..=9_999_i64, 1..=13_i64, 0..=32_i64),
            (hour, minute, second) in (0..=24_i64, 0..=60_i64, 0..=61_i64),
            fraction in "|\\.[0-9]{1,20}",
            (separator, zulu) in ("[Tt ]", "[Zz]"),
            offset in prop::option::of((any::<bool>(), 0..=24_i64, 0..=60_i64)),
        ) {
            let zone = offset.map_or(zulu, |(west, hours, minutes)| {
                format!("{}{hours:02}:{minutes:02}", if west { '-' } else { '+' })
            });
            let text = format!(
                "{year:04}-{month:02}-{day:02}{separator}{hour:02}:{minute:02}:{second:02}{fraction}{zone}"
            );
            let is_valid = (1..=12).contains(&month)
                && (1..=month_length(year, month)).contains(&day)
                && hour <= 23 && minute <= 59 && second <= 59
                && offset.is_none_or(|(_, hours, minutes)| hours <= 23 && minutes <= 59);
            let minutes = offset.map_or(0, |(west, hours, minutes)| {
                (hours * 60 + minutes) * if west { 1 } else { -1 }
            });
            let shown: String = fraction.chars().skip(1).chain("000".chars()).take(3).collect();
            let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute + minutes) * 60 + second;
            let millis = seconds * 1_000 + shown.parse::<i64>().unwrap();
            let expected = (is_valid && (MIN..=MAX).contains(&millis)).then_some(millis);
            // A leap second is at the end of a month; those have a test of their own.
            prop_assume!(second != 60 || (minute, minutes) == (59, 0) && hour < 23 || hour > 23);
            prop_assert_eq!(Timestamp::parse(&text).ok().map(Timestamp::as_millis), expected, "{}", text);
        }

        #[test]
        fn leap_second_is_at_the_end_of_a_month_in_utc(
            (year, month) in (2..=9_998_i64, 1..=12_i64),
            early in 0..=3_i64,
            (west, hours, minutes) in (any::<bool>(), 0..=23_i64, 0..=59_i64),
        ) {
            let offset = (hours * 60 + minutes) * if west { -1 } else { 1 };
            let end = (days(year, month, month_length(year, month)) * 24 + 24) * 60 - 1 - early;
            let local = Timestamp::from_millis((end + offset) * 60_000).unwrap().to_string();
            let sign = if west { '-' } else { '+' };
            let text = format!("{}60{sign}{hours:02}:{minutes:02}", &local[..17]);
            let expected = (early == 0).then_some(end * 60_000 + 59_999);
            prop_assert_eq!(Timestamp::parse(&text).ok().map(Timestamp::as_millis), expected, "{}", text);
        }

        #[test]
        fn formatted_time_is_parsed_as_the_same(millis in prop_oneof![MIN..=MAX, Just(MIN), Just(MAX), -2..3_i64]) {
            let time = Timestamp::from_millis(millis).unwrap();
            let text = time.to_string();
            prop_assert_eq!(text.len(), 24);
            prop_assert_eq!(Timestamp::parse(&text), Ok(time));
        }
    }
}
