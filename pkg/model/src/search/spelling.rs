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
pub const MAX_SIMILAR: usize = 50;

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

/// The words of titles that queries are corrected to, by their halves.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    halves: BTreeSet<(String, String)>,
}

impl Vocabulary {
    /// Adds the words of a title.
    pub fn add(&mut self, index: &Index) {
        for word in index.whole().filter(|word| is_meant(word)) {
            let letters: Vec<char> = word.chars().collect();
            self.halves.extend(halves(&letters, letters.len()).map(|half| (half, word.clone())));
        }
    }

    /// Returns the distinct pairs of a half and its word, sorted.
    pub fn halves(&self) -> impl ExactSizeIterator<Item = &(String, String)> {
        self.halves.iter()
    }

    /// Returns the words that are similar to `word`: see [`similar`].
    #[must_use]
    pub fn similar(&self, word: &str) -> Vec<String> {
        let near = Self::halves_near(word).into_iter().flat_map(|half| {
            let from = (half.clone(), String::new());
            self.halves
                .range(from..)
                .take_while(move |(other, _)| *other == half)
                .map(|(_, word)| word.as_str())
        });
        similar(word, near)
    }

    /// Returns the halves that words similar to `word` can have.
    #[must_use]
    pub fn halves_near(word: &str) -> Vec<String> {
        let letters: Vec<char> = word.chars().collect();
        let lengths = [letters.len() - 1, letters.len(), letters.len() + 1];
        lengths.into_iter().flat_map(|length| halves(&letters, length)).collect()
    }
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

/// Returns true if `word`, a word of a title, can be what a misspelt word means.
fn is_meant(word: &str) -> bool {
    (LETTERS.start() - 1..=LETTERS.end() + 1).contains(&word.chars().count()) && is_spelled(word)
}

fn is_spelled(word: &str) -> bool {
    !word.chars().any(|c| c.is_numeric() || is_unspaced(c))
}

/// Returns those of `words` that are similar to `word`: sorted, distinct, at most [`MAX_SIMILAR`].
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
            let of_title = index.whole().filter(|word| is_meant(word));
            is_correctable(&word).then(|| similar(&word, of_title.map(String::as_str)).into_iter().next())?
        })
        .collect();
    replaced.map(|words| words.join(" "))
}

#[cfg(test)]
mod tests;
