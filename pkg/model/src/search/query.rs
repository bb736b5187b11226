//! A query and the titles that it matches.

use super::fold::is_mark;
use super::index::pieces;
use super::split::{Part, split};
use super::{Index, MAX_TERM, Rank};
use crate::Broken;

const MAX_QUERY: usize = 512;

/// The maximum number of parts of a query that are joined to match one word of a title.
const MAX_JOINED: usize = 8;

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
        let parts = split(text);
        let mut distinct: Vec<Word> = Vec::new();
        for word in parts.iter().enumerate().flat_map(|(place, _)| Word::of(&parts[..=place])) {
            if distinct.iter().all(|known| known.text() != word.text()) {
                distinct.push(word);
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

    /// Returns the rank of a title with the given index and id; `None` if it does not match.
    #[must_use]
    pub fn rank(&self, index: &Index, id: &str) -> Option<Rank> {
        if self.words.is_empty() || !self.words.iter().all(|word| word.matches(index)) {
            return None;
        }
        let whole = self.words.iter().filter(|word| word.is_whole_in(index)).count();
        Some(Rank::new(whole as u64, index.own().len() as u64, id.into()))
    }
}

impl Word {
    /// Returns the words for the last of `parts`: one, or several for a long run of a script without blanks, of which
    /// titles are indexed in pieces.
    fn of(parts: &[Part]) -> Vec<Self> {
        match parts {
            [.., last] if last.unspaced => Self::of_unspaced(&last.text),
            [.., last] => vec![Self::of_joined(parts, &last.text)],
            [] => Vec::new(),
        }
    }

    /// A title that has this part and those before it as one word matches both as that word: `man` in `spider man`
    /// matches `Spiderman`.
    fn of_joined(parts: &[Part], text: &str) -> Self {
        let mut terms = vec![Term::Prefix(text.into())];
        let mut joined = text.to_owned();
        for pair in parts.windows(2).rev().take(MAX_JOINED - 1) {
            if !pair[1].continues(&pair[0]) {
                break;
            }
            joined.insert_str(0, &pair[0].text);
            if !fits(&joined) {
                break;
            }
            terms.push(Term::Prefix(joined.clone()));
        }
        Self { terms }
    }

    /// Pieces that overlap by half, the first of which counts as a whole word if all of `run` does.
    fn of_unspaced(run: &str) -> Vec<Self> {
        let mut words: Vec<Self> = Vec::new();
        let (mut letters, mut next) = (pieces(run).enumerate(), 0);
        while let Some((place, (at, piece))) = letters.find(|(place, _)| *place >= next) {
            words.push(Self { terms: vec![Term::Prefix(piece.into())] });
            if at + piece.len() == run.len() {
                break;
            }
            next = place + (piece.chars().filter(|c| !is_mark(*c)).count() / 2).max(1);
        }
        if let [first, _, ..] = &mut words[..]
            && fits(run)
        {
            first.terms.push(Term::Prefix(run.into()));
        }
        words
    }

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

fn fits(text: &str) -> bool {
    text.chars().count() <= MAX_TERM
}
