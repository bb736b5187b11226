//! A query and the titles that it matches.

use super::{Index, MAX_TERM, Rank, words};
use crate::Broken;

const MAX_QUERY: usize = 512;

/// A query: a title matches if it matches each of the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    text: String,
    words: Vec<Word>,
}

/// A word of a query: a title matches if it matches one of the terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    terms: Vec<Term>,
}

/// What a title must contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term {
    /// An indexed word that begins with this text.
    Prefix(String),
    /// An indexed word that is equal to this text.
    Whole(String),
}

impl Query {
    /// Folds `text`, at most 512 bytes.
    pub fn new(text: &str) -> Result<Self, Broken> {
        if text.len() > MAX_QUERY {
            return Err(Broken::new(format!("must be at most {MAX_QUERY} bytes long, not {}", text.len())));
        }
        let mut distinct: Vec<Word> = Vec::new();
        for word in words(text) {
            if distinct.iter().all(|known| known.text() != word) {
                distinct.push(Word { terms: vec![Term::Prefix(word)] });
            }
        }
        Ok(Self { text: text.into(), words: distinct })
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

    /// Returns the query's distinct words. A non-empty query without words matches nothing.
    #[must_use]
    pub fn words(&self) -> &[Word] {
        &self.words
    }

    /// Returns this query with other words that may replace the word at `place` of [`words`](Self::words), as they
    /// are, not as prefixes. None has more than [`MAX_TERM`] characters, nor has the word that they replace: others are
    /// left out.
    #[must_use]
    pub fn with_alternatives(mut self, place: usize, alternatives: impl IntoIterator<Item = String>) -> Self {
        let fits = |text: &str| text.chars().count() <= MAX_TERM;
        if let Some(word) = self.words.get_mut(place).filter(|word| fits(word.text())) {
            word.terms.extend(alternatives.into_iter().filter(|text| fits(text)).map(Term::Whole));
        }
        self
    }

    /// Returns a text that is equal for queries with the same words.
    #[must_use]
    pub fn key(&self) -> String {
        let mut key = String::new();
        for word in &self.words {
            for term in &word.terms {
                key.push_str(term.text());
                key.push(if matches!(term, Term::Prefix(_)) { '*' } else { '|' });
            }
            key.push(' ');
        }
        key
    }

    /// Returns the rank of a title with the given id; `None` if it does not match.
    #[must_use]
    pub fn rank(&self, title: &str, id: &str) -> Option<Rank> {
        let index = Index::of(title);
        if self.words.is_empty() || !self.words.iter().all(|word| word.matches(&index)) {
            return None;
        }
        let whole = self.words.iter().filter(|word| word.is_whole_in(&index)).count();
        Some(Rank::new(whole as u64, index.own().len() as u64, id.into()))
    }
}

impl Word {
    /// Returns the word as typed, folded: the text of its first term.
    #[must_use]
    pub fn text(&self) -> &str {
        self.terms.first().map_or("", Term::text)
    }

    /// Returns the terms: the word as typed, then its alternatives. If there are several, each has at most
    /// [`MAX_TERM`] characters.
    #[must_use]
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Returns true if the title `index` matches this word.
    pub(super) fn matches(&self, index: &Index) -> bool {
        self.terms.iter().any(|term| match term {
            Term::Prefix(text) => index.all().any(|indexed| indexed.starts_with(text)),
            Term::Whole(text) => index.all().any(|indexed| indexed == text),
        })
    }

    fn is_whole_in(&self, index: &Index) -> bool {
        self.terms.iter().any(|term| index.whole().any(|indexed| indexed == term.text()))
    }
}

impl Term {
    /// Returns the text: letters, digits and marks, folded.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Prefix(text) | Self::Whole(text) => text,
        }
    }
}
