//! Similar words and corrected queries.

use super::*;

/// Returns every word that one typo with a letter of `alphabet` makes of `word`.
fn typos(word: &str, alphabet: &[char]) -> BTreeSet<String> {
    let letters: Vec<char> = word.chars().collect();
    let mut all = BTreeSet::new();
    for at in 0..=letters.len() {
        for &c in alphabet {
            all.insert([&letters[..at], &[c], &letters[at..]].concat());
            if at < letters.len() {
                all.insert([&letters[..at], &[c], &letters[at + 1..]].concat());
            }
        }
        if at < letters.len() {
            all.insert([&letters[..at], &letters[at + 1..]].concat());
        }
        if at + 1 < letters.len() {
            let mut swapped = letters.clone();
            swapped.swap(at, at + 1);
            all.insert(swapped);
        }
    }
    all.remove(&letters);
    all.into_iter().map(String::from_iter).collect()
}

#[test]
fn every_typo_shares_a_half_with_the_word() {
    for word in ["alien", "aliens", "amelie", "interstellar", "солярис", "aaaaa", "ababab"] {
        let stored = word_halves([&Index::of(word)]);
        for typo in typos(word, &['a', 'b', 'z', 'я']).into_iter().filter(|typo| is_correctable(typo)) {
            let near = halves_near(&typo);
            assert!(stored.iter().any(|(half, _)| near.contains(half)), "{word} {typo}");
            assert_eq!(similar(&typo, [word]), [word]);
        }
    }
}

#[test]
fn two_typos_are_not_similar() {
    for (word, other) in [("alien", "lane"), ("alien", "alinx"), ("alien", "alien"), ("abcdef", "cabdef")] {
        assert!(similar(word, [other]).is_empty(), "{word} {other}");
    }
}

#[test]
fn only_letters_of_spaced_scripts_are_corrected() {
    for word in ["alien", "солярис", "amélie"] {
        assert!(is_correctable(word), "{word}");
    }
    for word in ["alie", "20001", "apollo13", "千と千尋の神隠し", "เกมส์เกมส์", ""]
    {
        assert!(!is_correctable(word), "{word}");
    }
    assert!(!is_correctable(&"x".repeat(70)));
}

#[test]
fn correction_keeps_the_spelling_of_right_words() {
    let index = Index::of("Le Fabuleux Destin d'Amélie Poulain");
    let corrected = |text: &str| correction(&Query::new(text).unwrap(), &index);
    assert_eq!(corrected("AMÉLIE  Puolain").as_deref(), Some("AMÉLIE poulain"));
    assert_eq!(corrected("Fabulex, dest").as_deref(), Some("fabuleux dest"));
    assert_eq!(corrected("fabulex star"), None);
}
