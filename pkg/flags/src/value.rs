//! Numbers, durations, topics and folders.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The longest duration: sums of a time and a few of these never overflow.
const MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The longest name of a topic that Kafka accepts, in bytes.
const MAX_TOPIC: usize = 249;

/// Returns a parser of whole numbers in `range`; its error states the range.
pub fn whole<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String> + Clone
where
    T: Clone + Display + FromStr + PartialOrd,
{
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("expected a whole number from {} to {}", range.start(), range.end()))
    }
}

/// Parses a duration of whole units: `500ms`, `2s`, `1m`.
///
/// # Errors
///
/// A text that states what is accepted.
pub fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= MAX => Ok(duration),
        _ => Err("expected a duration such as 500ms, 2s or 1m, at most 365d".to_owned()),
    }
}

/// Parses a duration above 0.
///
/// # Errors
///
/// A text that states what is accepted.
pub fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("expected a duration above 0, such as 500ms, 2s or 1m".to_owned()),
        duration => Ok(duration),
    }
}

/// Parses the name of a Kafka topic.
///
/// # Errors
///
/// A text that states what is accepted.
pub fn topic(text: &str) -> Result<String, String> {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if plain && (1..=MAX_TOPIC).contains(&text.len()) && text != "." && text != ".." {
        return Ok(text.to_owned());
    }
    Err(format!(
        "expected a topic's name: 1 to {MAX_TOPIC} letters, digits, '.', '_' and '-', not '.' or '..'"
    ))
}

/// Parses the path of a folder, which may not exist yet.
///
/// # Errors
///
/// A text that states what is accepted.
pub fn folder(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if text.is_empty() || (path.exists() && !path.is_dir()) {
        return Err("expected a folder, which may not exist yet".to_owned());
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed_in_documented_units() {
        for (text, expected) in [
            ("0s", Duration::ZERO),
            ("500ms", Duration::from_millis(500)),
            ("2s", Duration::from_secs(2)),
            ("1m", Duration::from_secs(60)),
            ("365d", MAX),
        ] {
            assert_eq!(duration(text), Ok(expected), "{text}");
        }
        for text in ["", "2", "-1s", "2 parsecs", "1e9s", "366d", "99999999999999h", "99999999999999999999s"]
        {
            assert!(duration(text).unwrap_err().contains("500ms, 2s or 1m"), "{text}");
        }
        assert!(positive_duration("0ms").is_err());
        assert_eq!(positive_duration("1ms"), Ok(Duration::from_millis(1)));
    }

    #[test]
    fn whole_number_is_within_range() {
        let port = whole(0..=u16::MAX);
        assert_eq!((port("0"), port("65535")), (Ok(0), Ok(u16::MAX)));
        for text in ["", "-1", "65536", "1.0", "1e3", " 1", "one", "99999999999999999999999"] {
            assert_eq!(port(text), Err("expected a whole number from 0 to 65535".to_owned()), "{text}");
        }
    }

    #[test]
    fn topic_has_a_name_that_kafka_accepts() {
        for text in ["ratings", "ratings.dlq", "A-1_b", &"x".repeat(MAX_TOPIC)] {
            assert_eq!(topic(text).as_deref(), Ok(text));
        }
        for text in ["", ".", "..", "a b", "a/b", "é", &"x".repeat(MAX_TOPIC + 1)] {
            assert!(topic(text).unwrap_err().starts_with("expected a topic's name"), "{text}");
        }
    }

    #[test]
    fn folder_is_not_a_file() {
        for text in [".", "src", "nowhere/yet"] {
            assert_eq!(folder(text), Ok(PathBuf::from(text)));
        }
        for text in ["", "Cargo.toml"] {
            assert!(folder(text).unwrap_err().starts_with("expected a folder"), "{text}");
        }
    }
}
