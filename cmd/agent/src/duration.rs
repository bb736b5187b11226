//! Durations in Go's format: `10s`, `1m30s`, `500ms`, `-1.5h`.

use std::time::Duration;

/// A signed duration in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Nanos(pub(crate) i64);

impl Nanos {
    /// Returns the duration if it is positive.
    pub(crate) fn positive(self) -> Option<Duration> {
        u64::try_from(self.0).ok().filter(|nanos| *nanos > 0).map(Duration::from_nanos)
    }
}

/// Parses a duration; errors are worded like Go's.
pub(crate) fn parse(text: &str) -> Result<Nanos, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(Nanos(0));
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut nanos = 0.0;
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit() || c == '.');
        let number: f64 = number.parse().map_err(|_| invalid())?;
        let (unit, after) = split(after, |c| !c.is_ascii_digit() && c != '.');
        let scale = match unit {
            "" => return Err(format!("time: missing unit in duration {text:?}")),
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return Err(format!("time: unknown unit {unit:?} in duration {text:?}")),
        };
        nanos += number * scale;
        rest = after;
    }
    if nanos > i64::MAX as f64 {
        return Err(invalid());
    }
    Ok(Nanos((sign * nanos) as i64))
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        for (text, nanos) in [
            ("10s", 10_000_000_000),
            ("1m30s", 90_000_000_000),
            ("500ms", 500_000_000),
            ("1.5h", 5_400_000_000_000),
            ("-1s", -1_000_000_000),
            ("0", 0),
            ("300000ms", 300_000_000_000),
        ] {
            assert_eq!(parse(text), Ok(Nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn errors_are_worded_as_in_go() {
        for (text, error) in [
            ("10", r#"time: missing unit in duration "10""#),
            ("", r#"time: invalid duration """#),
            ("x", r#"time: invalid duration "x""#),
            ("1y", r#"time: unknown unit "y" in duration "1y""#),
            ("1..2s", r#"time: invalid duration "1..2s""#),
            ("9999999999h", r#"time: invalid duration "9999999999h""#),
        ] {
            assert_eq!(parse(text), Err(error.to_owned()), "{text}");
        }
    }
}
