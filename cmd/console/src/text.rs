//! Texts from outside: shortened to a limit, searched without regard to case.

use memchr::memchr2;

/// Returns the longest beginning of `text` that has at most `limit` bytes.
pub(crate) fn shortened(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// A text to search for, without regard to the case of ASCII letters.
#[derive(Clone, Debug)]
pub(crate) struct Needle(String);

impl Needle {
    /// Creates a needle; `None` if `text` is empty.
    pub(crate) fn new(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_ascii_lowercase()))
    }

    /// Returns the needle in lower case.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if `text` contains the needle.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        let (text, needle) = (text.as_bytes(), self.0.as_bytes());
        let (lower, upper) = (needle[0], needle[0].to_ascii_uppercase());
        let mut from = 0;
        while let Some(found) = text.get(from..).and_then(|rest| memchr2(lower, upper, rest)) {
            let start = from + found;
            match text.get(start..start + needle.len()) {
                Some(part) if part.eq_ignore_ascii_case(needle) => return true,
                Some(_) => from = start + 1,
                None => return false,
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_shortened_between_characters() {
        assert_eq!(shortened("aéb", 2), "a");
        assert_eq!(shortened("aéb", 3), "aé");
        assert_eq!(shortened("aéb", 99), "aéb");
    }

    #[test]
    fn empty_text_is_no_needle() {
        assert!(Needle::new("").is_none());
    }

    proptest! {
        #[test]
        fn needle_is_found_wherever_lower_case_texts_contain_it(text in "[aAbBé]{0,12}", needle in "[aAbBé]{1,3}") {
            let expected = text.to_ascii_lowercase().contains(&needle.to_ascii_lowercase());
            prop_assert_eq!(Needle::new(&needle).unwrap().is_in(&text), expected);
        }
    }
}
