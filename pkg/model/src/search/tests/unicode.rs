//! The rules that hold for all of Unicode: each assigned character alone and between others, and random texts.

use super::*;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup};
use icu_properties::{CodePointMapData, CodePointSetData};
use proptest::prelude::*;
use proptest::sample::select;
use unicode_normalization::UnicodeNormalization;

const CONTEXTS: [(&str, &str); 4] = [("", ""), ("8", "1"), ("a", "b"), ("千", "か")];

/// Pieces in which rules meet: case, marks, decompositions, ignorable characters, punctuation, scripts.
const PIECES: &[&str] = &[
    "a", "B", "z", "8", "1", "٣", " ", " ", "\u{a0}", "-", ".", "'", "’", "ʻ", "ʼ", "·", "/", "ß", "ẞ", "ł",
    "Ø", "æ", "Œ", "İ", "ı", "ſ", "ŉ", "ﬁ", "é", "e\u{301}", "\u{301}", "\u{327}", "\u{308}", "½", "³", "₂",
    "①", "㎏", "Ⅳ", "™", "ª", "ǅ", "Σ", "ς", "ᾳ", "ΐ", "й", "Ё", "ש", "\u{5b8}", "م", "\u{64e}", "ﷺ", "ﻻ",
    "क", "ि", "्", "़", "น", "้", "ำ", "한", "ᄒ", "ᅡ", "千", "々", "か", "が", "\u{3099}", "ー", "ﾊ", "ﾟ", "・",
    "Ａ", "２", "𝐀", "𠮷", "🎬", "\u{ad}", "\u{200b}", "\u{200c}", "\u{200d}", "\u{34f}", "\u{fe0f}",
    "\u{2066}", "\u{1f}", "ǃ", "ʔ", "Ꭰᏸ", "ა",
];

fn assigned() -> impl Iterator<Item = char> {
    let category = CodePointMapData::<GeneralCategory>::new();
    ('\0'..=char::MAX).filter(move |c| {
        !matches!(category.get(*c), GeneralCategory::Unassigned | GeneralCategory::PrivateUse)
    })
}

fn spellings(text: &str) -> [String; 6] {
    let upper = text.to_uppercase();
    let decomposed = upper.nfd().collect();
    [
        upper,
        text.to_lowercase(),
        text.nfc().collect(),
        text.nfd().collect(),
        decomposed,
        words(text).join(" "),
    ]
}

fn check_spellings(text: &str) {
    let expected = words(text);
    for spelling in spellings(text).iter().filter(|spelling| *spelling != text) {
        assert_eq!(words(spelling), expected, "{text:?} as {spelling:?}");
    }
}

fn check_finding(title: &str) {
    let index = Index::of(title);
    let finds = |query: &str| Query::new(query).unwrap().rank(&index, "1").is_some();
    for word in index.own().iter().chain(index.joined()).chain(index.inner()) {
        assert!(finds(word), "{word:?} must find {title:?}");
    }
    for typed in title.split_whitespace().filter(|typed| !words(typed).is_empty()) {
        assert!(finds(typed), "{typed:?} must find {title:?}");
        assert!(finds(&typed.to_lowercase()), "{typed:?} in lower case must find {title:?}");
    }
    assert!(index.own().is_empty() || finds(title), "{title:?} must find itself");
}

#[test]
fn every_character_has_the_same_words_in_every_spelling() {
    for c in assigned() {
        for (before, after) in CONTEXTS {
            check_spellings(&format!("{before}{c}{after}"));
        }
    }
}

#[test]
fn every_ignorable_character_changes_nothing() {
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    for c in ignorable.iter_ranges().flatten().filter_map(char::from_u32) {
        for text in ["Amelie", "か\u{3099}き", "e\u{301}", "8½", "한", "l'œuf", "می"] {
            for (at, _) in text.char_indices() {
                let with = format!("{}{c}{}", &text[..at], &text[at..]);
                assert_eq!(words(&with), words(text), "{with:?}");
                assert_eq!(Index::of(&with), Index::of(text), "{with:?}");
            }
        }
    }
}

#[test]
fn no_symbol_merges_with_its_neighbour() {
    let category = CodePointMapData::<GeneralCategory>::new();
    let kept = GeneralCategoryGroup::Letter
        .union(GeneralCategoryGroup::Mark)
        .union(GeneralCategoryGroup::DecimalNumber);
    let is_symbol = |c: &char| !kept.contains(category.get(*c)) && !c.is_whitespace();
    let decomposes = |c: &char| ![*c].into_iter().nfkd().eq([*c]);
    for c in assigned().filter(decomposes).filter(is_symbol) {
        let alone = words(&c.to_string());
        let expected = [vec!["8".to_owned()], alone.clone(), vec!["1".to_owned()]].concat();
        let title = format!("8{c}1");
        assert_eq!(words(&title), expected, "{title:?}");
        if let [first, ..] = &alone[..]
            && first.starts_with(char::is_numeric)
        {
            assert!(!finds(&format!("8{first}"), &title), "{title:?}");
        }
    }
}

#[test]
fn every_character_is_found_between_others() {
    for c in assigned() {
        for (before, after) in [("8", "1"), ("千", "か")] {
            check_finding(&format!("{before}{c}{after}"));
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        9 => select(PIECES).prop_map(String::from),
        1 => any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 1..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn text_has_the_same_words_in_every_spelling(text in text()) {
        // The upper case of the iota subscript is a letter. Unicode orders marks around the one, but not the other.
        prop_assume!(!text.nfd().any(|c| c == '\u{345}') || !words(&text).concat().contains(fold::is_mark));
        check_spellings(&text);
    }

    #[test]
    fn every_word_of_a_title_finds_it(title in text()) {
        check_finding(&title);
    }

    #[test]
    fn run_without_blanks_is_found_from_inside(
        run in proptest::collection::vec(select(&["千", "と", "が", "か", "ー", "น", "น้", "神"][..]), 1..40),
        start in any::<proptest::sample::Index>(),
        end in any::<proptest::sample::Index>(),
    ) {
        let (one, other) = (start.index(run.len()), end.index(run.len()));
        let query = run[one.min(other)..=one.max(other)].concat();
        prop_assert!(finds(&query, &run.concat()), "{query} must find {}", run.concat());
    }
}
