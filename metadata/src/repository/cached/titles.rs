//! An index of titles in memory: what a search finds, in its order.

use model::RecordId;
use model::search::{Query, Rank, words};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// What a title takes beside its words: an entry, its number by id, and the allocations of both.
const TITLE_BYTES: usize = 160;

/// What a word takes beside its text: its entry with an empty list of titles.
const WORD_BYTES: usize = 80;

/// What a word's place in a title takes: a reference to the word, and one back.
const PLACE_BYTES: usize = 24;

/// The titles of records, by their words.
#[derive(Debug, Default)]
pub(super) struct Titles {
    /// By words, sorted: the numbers of the titles that they stand in, ascending.
    words: BTreeMap<Arc<str>, Vec<usize>>,
    /// By number; a free place is `None`.
    titles: Vec<Option<Entry>>,
    numbers: HashMap<RecordId, usize>,
    free: Vec<usize>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    id: RecordId,
    /// The title's words in their order.
    words: Box<[Arc<str>]>,
}

impl Titles {
    /// About how many bytes it takes.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Has `id` stand under the words of `title`, whatever its title was.
    pub(super) fn put(&mut self, id: &RecordId, title: &str) {
        self.remove(id);
        let number = self.free.pop().unwrap_or_else(|| {
            self.titles.push(None);
            self.titles.len() - 1
        });
        let words: Box<[Arc<str>]> = words(title).iter().map(|word| self.place(word, number)).collect();
        self.bytes += title_bytes(id, words.len());
        self.numbers.insert(id.clone(), number);
        self.titles[number] = Some(Entry { id: id.clone(), words });
    }

    /// Forgets the title of `id`, if there is one.
    pub(super) fn remove(&mut self, id: &RecordId) {
        let Some(number) = self.numbers.remove(id) else { return };
        let Some(entry) = self.titles[number].take() else { return };
        self.free.push(number);
        self.bytes -= title_bytes(id, entry.words.len());
        for word in entry.words {
            let Some(places) = self.words.get_mut(&word) else { continue };
            if let Ok(place) = places.binary_search(&number) {
                places.remove(place);
            }
            if places.is_empty() {
                self.words.remove(&word);
                self.bytes -= WORD_BYTES + word.len();
            }
        }
    }

    /// At most `limit` records whose titles match `query` in the order of their ranks, those after `after`. A
    /// query without a word matches nothing.
    pub(super) fn search(&self, query: &Query, after: Option<&Rank>, limit: usize) -> Vec<(RecordId, Rank)> {
        let whole: Vec<_> = query.words().iter().filter_map(|word| self.words.get(word.as_str())).collect();
        let mut found = Vec::new();
        for number in self.matches(query) {
            let Some(entry) = &self.titles[number] else { continue };
            let hit = whole.iter().filter(|places| places.binary_search(&number).is_ok()).count();
            let key = (Reverse(hit as u64), entry.words.len() as u64, &entry.id);
            if after.is_none_or(|after| (key.0, key.1, key.2.as_str()) > after_key(after)) {
                found.push(key);
            }
        }
        // Sorting a page costs less than sorting all that is found.
        if found.len() > limit {
            found.select_nth_unstable(limit);
            found.truncate(limit);
        }
        found.sort_unstable();
        let ranked = |(Reverse(whole), words, id): (_, _, &RecordId)| {
            (id.clone(), Rank::new(whole, words, id.as_str().to_owned()))
        };
        found.into_iter().map(ranked).collect()
    }

    /// The numbers of the titles in which every word of `query` begins a word.
    fn matches(&self, query: &Query) -> Vec<usize> {
        let mut all = query.words().iter().map(|word| self.beginning(word));
        let Some(first) = all.next() else { return Vec::new() };
        all.fold(first, |mut matches, others| {
            matches.retain(|number| others.binary_search(number).is_ok());
            matches
        })
    }

    /// The numbers of the titles in which `word` begins a word, ascending.
    fn beginning(&self, word: &str) -> Vec<usize> {
        let words = self
            .words
            .range::<str, _>((Bound::Included(word), Bound::Unbounded))
            .take_while(|(found, _)| found.starts_with(word));
        let mut numbers: Vec<usize> = words.flat_map(|(_, places)| places).copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// Notes that `word` stands in a title, and returns the one text of it that is kept.
    fn place(&mut self, word: &str, number: usize) -> Arc<str> {
        let kept = self.words.get_key_value(word).map(|(kept, _)| Arc::clone(kept));
        let kept = kept.unwrap_or_else(|| {
            self.bytes += WORD_BYTES + word.len();
            word.into()
        });
        let places = self.words.entry(Arc::clone(&kept)).or_default();
        if let Err(place) = places.binary_search(&number) {
            places.insert(place, number);
        }
        kept
    }
}

fn after_key(after: &Rank) -> (Reverse<u64>, u64, &str) {
    (Reverse(after.whole()), after.words(), after.id())
}

fn title_bytes(id: &RecordId, words: usize) -> usize {
    TITLE_BYTES + 2 * id.as_str().len() + words * PLACE_BYTES
}
