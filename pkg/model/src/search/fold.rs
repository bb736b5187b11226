//! Folding: texts that a typist takes for the same become equal.
//!
//! The data is Unicode's, in the crates that hold it. Marks are dropped if they decorate letters (accents, vowel points),
//! and kept if they are spelled like letters (vowel signs of Indic scripts, voicing marks of kana).

use any_ascii::any_ascii_char;
use icu_properties::props::{
    DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup, LineBreak, Script,
};
use icu_properties::script::ScriptWithExtensions;
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::UnicodeNormalization;

/// The character before and after the decomposition of a symbol or number (`½`, `³`, `㎏`) in a folded text. All control
/// characters fold to blanks, so that no other character folds to it.
pub(super) const BOUNDARY: char = '\u{1f}';

const APOSTROPHE: char = '\'';

/// Folds `text`.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text
            .chars()
            .map(|c| if c.is_ascii_control() { ' ' } else { c.to_ascii_lowercase() })
            .collect();
    }
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let mut expanded = String::new();
    for c in text.chars().filter(|c| !ignorable.contains(*c)).nfd() {
        expand(c, &mut expanded);
    }
    let mut folded = String::new();
    for c in expanded.nfd().filter(|c| !is_decoration(*c)) {
        push_spelled(c, &mut folded);
    }
    folded
}

/// Returns true if a word may contain `c`, a character of a folded text.
pub(super) fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || is_mark(c)
}

/// Returns true if `c` modifies the letter before it.
pub(super) fn is_mark(c: char) -> bool {
    !c.is_ascii() && GeneralCategoryGroup::Mark.contains(category(c))
}

/// Returns true if words that contain `c` are written without blanks between them, so that a line may be broken beside
/// it: Han, kana, Thai and others.
pub(super) fn is_unspaced(c: char) -> bool {
    let class = || CodePointMapData::<LineBreak>::new().get(c);
    !c.is_ascii()
        && matches!(
            class(),
            LineBreak::Ideographic
                | LineBreak::ConditionalJapaneseStarter
                | LineBreak::Nonstarter
                | LineBreak::ComplexContext
                | LineBreak::Aksara
                | LineBreak::AksaraPrebase
                | LineBreak::AksaraStart
        )
}

/// Appends the compatibility decomposition of `c`, without case.
fn expand(c: char, expanded: &mut String) {
    if c.is_whitespace() || c.is_control() {
        expanded.push(' ');
        return;
    }
    let folded = [c].into_iter().nfkd().flat_map(without_case);
    let is_letter = GeneralCategoryGroup::Letter
        .union(GeneralCategoryGroup::Mark)
        .union(GeneralCategoryGroup::DecimalNumber)
        .contains(category(c));
    if is_letter || [c].into_iter().nfkd().eq([c]) {
        expanded.extend(folded);
    } else if folded.clone().any(|c| is_in_word(c) && !is_decoration(c)) {
        expanded.push(BOUNDARY);
        expanded.extend(folded.map(|c| if is_in_word(c) { c } else { BOUNDARY }));
        expanded.push(BOUNDARY);
    } else {
        expanded.push(APOSTROPHE);
    }
}

/// Returns `c` in full case folding: to lower case first, because `ẞ` has no upper case of its own, and `SS` is that of
/// `ß`.
fn without_case(c: char) -> impl Iterator<Item = char> + Clone {
    c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// Appends `c`, a letter without marks, as it is typed on most keyboards: Latin letters in ASCII (`ł`, `ø`, `æ`).
/// Modifier letters that are typed as an apostrophe, or not at all, become one (`ʻ`).
fn push_spelled(c: char, folded: &mut String) {
    let script = || CodePointMapData::<Script>::new().get(c);
    if c.is_ascii() || !c.is_alphabetic() {
        folded.push(c);
    } else if script() == Script::Latin {
        let ascii = any_ascii_char(c);
        if ascii.chars().any(|c| c.is_ascii_alphanumeric()) {
            folded.extend(ascii.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()));
        } else {
            folded.push(APOSTROPHE);
        }
    } else if category(c) == GeneralCategory::ModifierLetter && script() == Script::Common && !is_unspaced(c)
    {
        folded.push(APOSTROPHE);
    } else {
        folded.push(c);
    }
}

/// Returns true if `c` is a mark that decorates letters: an accent, or a vowel point of Hebrew or Arabic.
fn is_decoration(c: char) -> bool {
    if !is_mark(c) {
        return false;
    }
    let scripts = ScriptWithExtensions::new();
    match scripts.get_script_val(c) {
        Script::Inherited | Script::Common => !scripts.has_script(c, Script::Katakana),
        Script::Latin
        | Script::Greek
        | Script::Cyrillic
        | Script::Hebrew
        | Script::Arabic
        | Script::Syriac => true,
        _ => false,
    }
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}
