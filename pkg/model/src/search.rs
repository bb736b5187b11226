//! The rules of title search: folding of text to words, matching, and order. Every store follows
//! these rules, so that all return the same rows in the same order.
//!
//! A title is indexed under its own words and under further forms of them ([`Index`]). A query is a
//! conjunction of words, each of which is a disjunction of terms ([`Query`]). A term matches a title if
//! an indexed word begins with it.

mod fold;
mod index;
mod query;
mod rank;
mod spelling;
mod split;

pub use index::Index;
pub use query::{Query, Term, Word};
pub use rank::Rank;
pub use spelling::{
    Found, MAX_MISSPELT, correction, halves_near, is_correctable, meant, similar, word_halves,
};

/// The version of what [`Index::of`] returns, 1 before versions were counted. A database that was written with another
/// version must be indexed again.
pub const VERSION: u32 = 2;

/// The maximum length of a term in characters, unless it is a word as typed.
pub const MAX_TERM: usize = 256;

/// Returns the words of `text`: its runs of letters and digits, as they are typed without accents and
/// case (`Amélie` is `amelie`).
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    split::split(text).into_iter().map(|part| part.text).collect()
}

#[cfg(test)]
mod tests;
