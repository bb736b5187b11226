//! Identifiers of records, record types, users and providers.

use crate::{Broken, check_text};
use serde::Serialize;
use smol_str::SmolStr;
use std::borrow::Borrow;
use std::fmt;

const MAX_ID: usize = 128;
const MAX_TYPE: usize = 32;

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(SmolStr);

        impl $name {
            /// Validates an identifier.
            pub fn new(text: impl AsRef<str> + Into<SmolStr>) -> Result<Self, Broken> {
                let check: fn(&str) -> Result<(), Broken> = $check;
                check(text.as_ref())?;
                Ok(Self(text.into()))
            }

            /// Returns the identifier's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

identifier!(
    /// The id of a record within its type: 1 to 128 bytes, no control characters, neither `.` nor `..`.
    /// Compared byte by byte, without normalization.
    RecordId,
    check_id
);
identifier!(
    /// A kind of record: `[a-z0-9][a-z0-9_-]{0,31}`.
    RecordType,
    check_type
);
identifier!(
    /// The id of a user: 1 to 128 bytes, no control characters, neither `.` nor `..`.
    UserId,
    check_id
);
identifier!(
    /// The source of a rating: 1 to 128 bytes, no control characters, neither `.` nor `..`.
    ProviderId,
    check_id
);

impl RecordType {
    /// The type of the records stored by the metadata service.
    #[must_use]
    pub fn movie() -> Self {
        Self("movie".into())
    }
}

/// The subject of a rating.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The record's type.
    pub record_type: RecordType,
    /// The record's id within its type.
    pub record_id: RecordId,
}

fn check_id(text: &str) -> Result<(), Broken> {
    check_text(text, 1, MAX_ID)?;
    if matches!(text, "." | "..") {
        return Err(Broken::new("must not be `.` or `..`"));
    }
    Ok(())
}

fn check_type(text: &str) -> Result<(), Broken> {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let valid = match text.as_bytes() {
        [first, rest @ ..] if text.len() <= MAX_TYPE => {
            plain(*first) && rest.iter().all(|&c| plain(c) || matches!(c, b'_' | b'-'))
        }
        _ => false,
    };
    if valid { Ok(()) } else { Err(Broken::new("must match [a-z0-9][a-z0-9_-]{0,31}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_1_to_128_bytes_without_control_characters() {
        for good in ["1", "tt0109830", "a/b,c d", "é", "...", &"x".repeat(128)] {
            assert!(RecordId::new(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a\nb", "\u{85}", &"x".repeat(129), &"é".repeat(65)] {
            assert!(RecordId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn record_type_is_a_short_lower_case_word() {
        for good in ["movie", "2", "tv-show_2", &"a".repeat(32)] {
            assert!(RecordType::new(good).is_ok(), "{good}");
        }
        for bad in ["", "Movie", "_a", "-a", "a b", "é", &"a".repeat(33)] {
            assert!(RecordType::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn violation_states_rule_and_value() {
        let error = UserId::new("x".repeat(129)).unwrap_err();
        assert_eq!(error.to_string(), "must be at most 128 bytes long, not 129");
    }
}
