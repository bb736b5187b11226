//! The rules of title search: folding of text to words, matching, and order. Every store follows
//! these rules, so that all return the same rows in the same order.

use crate::Broken;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

const MAX_QUERY: usize = 512;

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

/// A query, folded to its distinct words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    text: String,
    words: Vec<String>,
}

impl Query {
    /// Folds `text`, at most 512 bytes.
    pub fn new(text: &str) -> Result<Self, Broken> {
        if text.len() > MAX_QUERY {
            return Err(Broken::new(format!("must be at most {MAX_QUERY} bytes long, not {}", text.len())));
        }
        let distinct: BTreeSet<String> = words(text).into_iter().collect();
        Ok(Self { text: text.into(), words: distinct.into_iter().collect() })
    }

    /// Returns the query as received.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns true if the query is empty, which lists everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Returns the query's distinct words, sorted. A non-empty query without words matches nothing.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Returns the rank of a title with the given id; `None` if it does not match: every word of the
    /// query must be a prefix of a word of the title.
    #[must_use]
    pub fn rank(&self, title: &str, id: &str) -> Option<Rank> {
        let title = words(title);
        let begins = |word: &String| title.iter().any(|of_title| of_title.starts_with(word.as_str()));
        if self.words.is_empty() || !self.words.iter().all(begins) {
            return None;
        }
        let whole = self.words.iter().filter(|word| title.contains(word)).count();
        Some(Rank::new(whole as u64, title.len() as u64, id.into()))
    }
}

/// A match's position in the order: more whole words first, then fewer words in the title, then
/// the smaller id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rank(Reverse<u64>, u64, String);

impl Rank {
    /// Creates the rank of a title with `words` words, `whole` of which are matched as whole words.
    #[must_use]
    pub const fn new(whole: u64, words: u64, id: String) -> Self {
        Self(Reverse(whole), words, id)
    }

    /// Returns the number of query words that match whole words of the title.
    #[must_use]
    pub const fn whole(&self) -> u64 {
        self.0.0
    }

    /// Returns the number of words in the title.
    #[must_use]
    pub const fn words(&self) -> u64 {
        self.1
    }

    /// Returns the movie's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.2
    }
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
