//! The words under which a title is found.

use super::fold::is_mark;
use super::split::{Gap, Part, split};

/// The characters of what is indexed inside an unspaced run, from each of its letters.
const INNER: usize = 8;

/// The maximum number of parts of a joined word, unless it begins where a word of the title as written begins.
const MAX_JOINED: usize = 16;

/// The words under which a title is found, folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    own: Vec<String>,
    joined: Vec<String>,
    inner: Vec<String>,
}

impl Index {
    /// Indexes `title`.
    #[must_use]
    pub fn of(title: &str) -> Self {
        let parts = split(title);
        let (mut joined, mut inner) = (Vec::new(), Vec::new());
        for run in parts.chunk_by(|before, part| part.gap != Gap::Blank && part.continues(before)) {
            for start in 0..run.len() - 1 {
                let most = if start == 0 { run.len() } else { MAX_JOINED };
                joined.push(join(run[start..].iter().take(most)));
            }
            if run[0].unspaced {
                add_inner(&join(run), &mut inner);
            }
        }
        Self { own: parts.into_iter().map(|part| part.text).collect(), joined, inner }
    }

    /// Returns the title's own words, in its order. Only these are counted.
    #[must_use]
    pub fn own(&self) -> &[String] {
        &self.own
    }

    /// Returns the words that arise when punctuation is left out (`spiderman` for `Spider-Man`).
    #[must_use]
    pub fn joined(&self) -> &[String] {
        &self.joined
    }

    /// Returns what begins inside the words of scripts without blanks. Terms match it, but never as a
    /// whole word.
    #[must_use]
    pub fn inner(&self) -> &[String] {
        &self.inner
    }

    /// Returns the words that count as whole words of the title.
    pub(super) fn whole(&self) -> impl Iterator<Item = &String> {
        self.own.iter().chain(&self.joined)
    }

    /// Returns all words under which the title is found.
    pub(super) fn all(&self) -> impl Iterator<Item = &String> {
        self.whole().chain(&self.inner)
    }
}

/// Returns the texts of `parts` as one word.
pub(super) fn join<'a>(parts: impl IntoIterator<Item = &'a Part>) -> String {
    parts.into_iter().map(|part| part.text.as_str()).collect()
}

/// Returns the positions in bytes of the letters in `run`, each with the characters that follow it, at most [`INNER`].
pub(super) fn pieces(run: &str) -> impl Iterator<Item = (usize, &str)> {
    let letters = run.char_indices().filter(|(_, c)| !is_mark(*c));
    letters.map(|(at, _)| {
        let rest = &run[at..];
        (at, rest.char_indices().nth(INNER).map_or(rest, |(end, _)| &rest[..end]))
    })
}

fn add_inner(run: &str, inner: &mut Vec<String>) {
    for (_, piece) in pieces(run).skip(1) {
        if !inner.iter().any(|known| known == piece) {
            inner.push(piece.into());
        }
    }
}
