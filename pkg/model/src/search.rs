//! The rules of title search: folding of text to words, matching, and order. Every store follows
//! these rules, so that all return the same rows in the same order.
//!
//! A title is indexed under its own words and under further forms of them ([`Index`]). A query is a
//! conjunction of words, each of which is a disjunction of terms ([`Query`]). A term matches a title if
//! an indexed word begins with it.

mod index;
mod query;
mod rank;
mod spelling;

pub use index::Index;
pub use query::{Query, Term, Word};
pub use rank::Rank;
pub use spelling::{Found, MAX_MISSPELT, MAX_SIMILAR, Vocabulary, correction, is_correctable, similar};

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The version of what [`Index::of`] returns, 1 before versions were counted. A database that was written with another version must be indexed
/// again.
pub const VERSION: u32 = 2;

/// The maximum length of a term in characters, unless it is a word as typed.
pub const MAX_TERM: usize = 256;

/// Returns the words of `text`: its runs of letters and digits, without accents and case (`Amélie` is `amelie`).
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let folded: String = text
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect();
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_for_case_and_accents() {
        assert_eq!(
            words("Le Fabuleux Destin d'Amélie Poulain"),
            ["le", "fabuleux", "destin", "d", "amelie", "poulain"]
        );
        assert_eq!(words("STRASSE straße"), ["strasse", "strasse"]);
        assert_eq!(words("Ame\u{301}lie ＡＢＣ１２"), ["amelie", "abc12"]);
        assert_eq!(words("ΣΊΣΥΦΟΣ σίσυφος"), ["σισυφοσ", "σισυφοσ"]);
        assert!(words(" -*%_\" ").is_empty());
    }

    #[test]
    fn every_query_word_must_be_a_prefix_of_a_title_word() {
        let query = Query::new("star war").unwrap();
        assert!(query.rank("Star Wars: Episode IV", "1").is_some());
        assert!(query.rank("Star Trek", "1").is_none());
        assert!(Query::new("tar").unwrap().rank("Star", "1").is_none());
        assert!(Query::new("%").unwrap().rank("100 %", "1").is_none());
    }

    #[test]
    fn order_is_whole_words_then_shorter_titles_then_ids() {
        let query = Query::new("star wars").unwrap();
        let mut ranks =
            [("Star Warship", "0"), ("Wars of the Star", "1"), ("Star Wars", "3"), ("Star Wars", "2")]
                .map(|(title, id)| query.rank(title, id).unwrap());
        ranks.sort();
        assert_eq!(ranks.each_ref().map(Rank::id), ["2", "3", "1", "0"]);
    }
}
