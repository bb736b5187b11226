//! Correction of typos: which words of titles a misspelt word of a query may mean, and how the query reads then.
//!
//! Two words are similar if one insertion, deletion, substitution or transposition of neighbours turns one into the
//! other. Such a typo leaves the beginning or the end of a word intact: words are looked up by their halves.

use super::fold::is_unspaced;
use super::{Index, Query, words};
use crate::page::Page;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use strsim::osa_distance;

/// The maximum number of similar words that a word is replaced with, the first in their order.
const MAX_SIMILAR: usize = 50;

/// The maximum number of words that can be misspelt in one query: queries with more are not corrected.
pub const MAX_MISSPELT: usize = 16;

/// The lengths of words that are corrected, in letters.
const LETTERS: RangeInclusive<usize> = 5..=64;

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found<T> {
    /// A page of the matches.
    pub page: Page<T>,
    /// The query that they match, if the one that was received matched nothing and has been corrected.
    pub corrected: Option<String>,
}

impl<T> Found<T> {
    /// Maps every row of the page.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Found<U> {
        Found { page: self.page.map(f), corrected: self.corrected }
    }
}

impl<T> From<Page<T>> for Found<T> {
    fn from(page: Page<T>) -> Self {
        Self { page, corrected: None }
    }
}

/// Returns the words of titles that queries are corrected to, each under its halves: pairs of a half and its word.
pub fn word_halves<'a>(titles: impl IntoIterator<Item = &'a Index>) -> BTreeSet<(String, String)> {
    let of_word = |word: &'a str| {
        let letters: Vec<char> = word.chars().collect();
        halves(&letters, letters.len()).map(|half| (half, word.to_owned()))
    };
    titles.into_iter().flat_map(meant).flat_map(of_word).collect()
}

/// Returns the halves that words similar to `word` can have.
#[must_use]
pub fn halves_near(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let lengths = [letters.len() - 1, letters.len(), letters.len() + 1];
    lengths.into_iter().flat_map(|length| halves(&letters, length)).collect()
}

/// Returns the first and the last letters that a typo in `letters` leaves intact, one or the other, if the result has
/// `length` letters; both with the length and the end that they are of.
fn halves(letters: &[char], length: usize) -> [String; 2] {
    let size = (length - 1) / 2;
    let half = |end: char, letters: &[char]| {
        let mut half = format!("{length}{end}");
        half.extend(letters);
        half
    };
    [half('<', &letters[..size]), half('>', &letters[letters.len() - size..])]
}

/// Returns true if `word` is corrected: it consists of 5 to 64 letters of a script that separates words. Numbers have no
/// typos that can be told from other numbers.
#[must_use]
pub fn is_correctable(word: &str) -> bool {
    LETTERS.contains(&word.chars().count()) && is_spelled(word)
}

/// Returns the words of a title that a misspelt word can mean.
pub fn meant(index: &Index) -> impl Iterator<Item = &str> {
    let is_meant = |word: &&str| {
        (LETTERS.start() - 1..=LETTERS.end() + 1).contains(&word.chars().count()) && is_spelled(word)
    };
    index.whole().map(String::as_str).filter(is_meant)
}

fn is_spelled(word: &str) -> bool {
    !word.chars().any(|c| c.is_numeric() || is_unspaced(c))
}

/// Returns those of `words` that are similar to `word`: sorted, distinct, at most 50.
pub fn similar<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let length = word.chars().count();
    let is_similar = |other: &&str| {
        other.len().abs_diff(word.len()) <= 4
            && other.chars().count().abs_diff(length) <= 1
            && osa_distance(word, other) == 1
    };
    let similar: BTreeSet<&str> = words.into_iter().filter(is_similar).collect();
    similar.into_iter().take(MAX_SIMILAR).map(Into::into).collect()
}

/// Returns the text of `query` in which the words that the title `index` does not match are replaced with its similar
/// words. What is not replaced keeps its spelling. `None` if a word has no similar one.
#[must_use]
pub fn correction(query: &Query, index: &Index) -> Option<String> {
    let tokens: Option<Vec<String>> =
        query.text().split_whitespace().map(|token| corrected(token, index)).collect();
    tokens.map(|tokens| tokens.join(" "))
}

fn corrected(token: &str, index: &Index) -> Option<String> {
    if Query::new(token).ok()?.words().iter().all(|word| word.matches(index)) {
        return Some(token.into());
    }
    let replaced: Option<Vec<String>> = words(token)
        .into_iter()
        .map(|word| {
            if index.all().any(|of_title| of_title.starts_with(&word)) {
                return Some(word);
            }
            is_correctable(&word).then(|| similar(&word, meant(index)).into_iter().next())?
        })
        .collect();
    replaced.map(|words| words.join(" "))
}

#[cfg(test)]
mod tests;
