//! Splitting of a text into parts, and which of them are also one word.

use super::fold::{BOUNDARY, fold, is_in_word, is_mark, is_unspaced};
use unicode_normalization::UnicodeNormalization;

/// A run of letters and digits, folded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) text: String,
    /// Whether words are found from inside, because their script has no blanks.
    pub(super) unspaced: bool,
    /// What is between the part before and this one.
    pub(super) gap: Gap,
}

/// What is between two parts, the widest of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    /// A change between scripts with and without blanks.
    Script,
    /// Punctuation or symbols.
    Punctuation,
    /// The end of what one character decomposes to.
    Boundary,
    /// A blank, or the beginning of the text.
    Blank,
}

impl Part {
    /// Returns true if this part and the one before it are one word when what is between them is left out. Digits are
    /// a number of their own beside a blank or a character that decomposes (`8 ½` is not `81`).
    pub(super) fn continues(&self, before: &Self) -> bool {
        let digits = [before.text.chars().next_back(), self.text.chars().next()]
            .map(|c| c.is_some_and(char::is_numeric));
        self.unspaced == before.unspaced
            && match self.gap {
                Gap::Script => false,
                Gap::Punctuation => true,
                Gap::Boundary => digits[0] != digits[1],
                Gap::Blank => digits != [true, true],
            }
    }
}

/// Splits `text` into its parts. A mark without a letter before it belongs to none.
pub(super) fn split(text: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut gap = Some(Gap::Blank);
    for c in fold(text).chars() {
        if !is_in_word(c) {
            let found = match c {
                BOUNDARY => Gap::Boundary,
                c if c.is_whitespace() => Gap::Blank,
                _ => Gap::Punctuation,
            };
            gap = gap.max(Some(found));
            continue;
        }
        if is_mark(c) && gap.is_some() {
            continue;
        }
        let same = |part: &Part| is_mark(c) || is_unspaced(c) == part.unspaced;
        match parts.last_mut().filter(|part| gap.is_none() && same(part)) {
            Some(part) => part.text.push(c),
            None => {
                parts.push(Part { text: c.into(), unspaced: is_unspaced(c), gap: gap.unwrap_or(Gap::Script) })
            }
        }
        gap = None;
    }
    for part in parts.iter_mut().filter(|part| part.unspaced) {
        part.text = part.text.nfc().collect();
    }
    parts
}
