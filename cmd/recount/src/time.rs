//! Times in RFC 3339 format.

/// Parses a time such as `2026-11-21T12:00:00.123Z` into milliseconds since 1970; fractions are truncated.
pub(crate) fn millis(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|c| c.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let is = |at: usize, of: &[u8]| bytes.get(at).is_some_and(|c| of.contains(c));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let days = days(number(0, 4)?, number(5, 7)?, number(8, 10)?)?;
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut at = 19;
    let mut fraction = 0;
    if is(at, b".") {
        let digits = bytes[at + 1..].iter().take_while(|c| c.is_ascii_digit()).count();
        let shown = text.get(at + 1..at + 1 + digits.min(3)).filter(|shown| !shown.is_empty())?;
        fraction = shown.parse::<i64>().ok()? * 10_i64.pow(3 - u32::try_from(shown.len()).ok()?);
        at += 1 + digits;
    }
    let minutes = match bytes.get(at)? {
        b'Z' | b'z' if bytes.len() == at + 1 => 0,
        sign @ (b'+' | b'-') if bytes.len() == at + 6 && is(at + 3, b":") => {
            let (hours, minutes) = (number(at + 1, at + 3)?, number(at + 4, at + 6)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    let minute = (days * 24 + hour) * 60 + minute - minutes;
    if second == 60 {
        // A leap second ends a month in UTC, and counts as the last millisecond before it.
        return ends_month(minute).then_some(minute * 60_000 + 59_999);
    }
    Some((minute * 60 + second) * 1000 + fraction)
}

/// Returns true if this minute since 1970 is the last of a month of the years 0 to 9999.
fn ends_month(minute: i64) -> bool {
    let next = minute + 1;
    let starts = |year: i64, month: i64| days(year, month, 1) == Some(next / 1440);
    let year = 1970 + next / 1440 * 400 / 146_097;
    next % 1440 == 0 && (year - 1..=year + 1).any(|year| (1..=12).any(|month| starts(year, month)))
}

/// Returns the days from 1970-01-01 to a day of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = usize::try_from(month - 1).ok()?;
    if year < 1 || day < 1 || day > *lengths.get(before)? {
        return None;
    }
    let years = (year - 1) * 365 + (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    Some(years + lengths[..before].iter().sum::<i64>() + day - 1 - 719_162)
}

#[cfg(test)]
mod tests {
    use super::millis;

    #[test]
    fn times_are_counted_from_1970() {
        for (text, counted) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00.5Z", 500),
            ("2000-02-29T12:00:00.123456Z", 951_825_600_123),
            ("2026-11-21T12:00:00+02:00", 1_795_255_200_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
            ("1969-12-31T23:59:59.9999Z", -1),
            ("1970-01-01T00:00:00.12345678901234567890Z", 123),
            ("1969-12-31T23:59:60Z", -1),
            ("1990-12-31T15:59:60-08:00", 662_687_999_999),
            ("9999-12-31T23:59:60Z", 253_402_300_799_999),
        ] {
            assert_eq!(millis(text), Some(counted), "{text}");
        }
    }

    #[test]
    fn invalid_time_is_none() {
        for text in [
            "",
            "2026-11-21",
            "2026-02-29T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T12:00:00",
            "2026-11-21T12:00:60Z",
            "2026-11-30T23:59:60+01:00",
            "2026-11-21T12:00:00+25:00",
        ] {
            assert_eq!(millis(text), None, "{text}");
        }
    }
}
