//! Memtable and journal against a plain map, without a database.

use super::*;
use crate::batch::StoredRating;
use model::{Timestamp, Value};
use proptest::prelude::*;

type Pair = (i64, i64);
type Row = (Pair, Option<StoredRating>);
type Ratings = Memtable<Pair, Option<StoredRating>>;

/// A database as the steps leave it.
#[derive(Debug, Default)]
struct Stored {
    table: BTreeMap<Pair, StoredRating>,
    journal: BTreeMap<i64, Vec<Row>>,
}

impl Stored {
    fn follow(&mut self, step: &Step<Pair, Option<StoredRating>>) {
        if !step.changes.is_empty() {
            self.journal.insert(step.key, step.changes.clone());
        }
        for (pair, row) in &step.merged {
            match row {
                Some(held) => self.table.insert(*pair, held.clone()),
                None => self.table.remove(pair),
            };
        }
        if let Some(forgotten) = step.forgotten {
            self.journal.retain(|key, _| *key >= forgotten);
        }
    }

    /// What a reader finds.
    fn read(&self, memtable: &Ratings, pair: Pair) -> Option<StoredRating> {
        memtable.get(pair).unwrap_or_else(|| self.table.get(&pair).cloned())
    }

    fn load(&self, most: usize) -> (Journal<Pair>, Ratings) {
        let (mut loading, memtable) = (Loading::new(most), Ratings::default());
        self.journal.iter().for_each(|(key, changes)| loading.add(*key, changes.clone()));
        (loading.finish(&memtable), memtable)
    }
}

fn held(value: u8) -> Option<StoredRating> {
    let value = Value::new(value.into()).ok()?;
    Some(StoredRating { value, provider_id: None, rated_at: Timestamp::from_millis(0).unwrap() })
}

/// A batch's rows, in their order and none twice.
fn changes() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::btree_map((0..6_i64, 0..4_i64), 0..=10_u8, 0..8)
        .prop_map(|rows| rows.into_iter().map(|(pair, value)| (pair, held(value))).collect())
}

proptest! {
    #[test]
    fn what_was_written_is_read_whatever_is_merged_lost_or_read_again(
        most in 1..12_usize,
        batches in prop::collection::vec((changes(), 0..10_u8), 0..80),
    ) {
        let (mut stored, mut model) = (Stored::default(), BTreeMap::new());
        let (mut journal, mut memtable) = stored.load(most);
        for (changes, chance) in batches {
            let step = match chance {
                2 => journal.merge_all(&memtable),
                _ => journal.step(changes.clone(), &memtable),
            };
            match chance {
                // The transaction fails, and nothing has happened.
                0 => continue,
                // The process dies once it is committed.
                1 => {
                    stored.follow(&step);
                    (journal, memtable) = stored.load(most);
                }
                // All is merged, without a batch.
                2 => {
                    stored.follow(&step);
                    journal.settle(step, &memtable);
                    prop_assert!(memtable.is_empty() && stored.journal.is_empty());
                    continue;
                }
                _ => {
                    stored.follow(&step);
                    journal.settle(step, &memtable);
                }
            }
            model.extend(changes);
            for rater in 0..6 {
                for record in 0..4 {
                    let expected = model.get(&(rater, record)).cloned().flatten();
                    prop_assert_eq!(stored.read(&memtable, (rater, record)), expected);
                }
                let of_rater = memtable.range((rater, i64::MIN)..=(rater, i64::MAX));
                prop_assert!(of_rater.iter().all(|(pair, row)| memtable.get(*pair) == Some(row.clone())));
                let found = (0..4).filter(|record| memtable.get((rater, *record)).is_some()).count();
                prop_assert_eq!(of_rater.len(), found);
            }
            let pairs: Vec<Pair> = (0..6).flat_map(|rater| (0..4).map(move |record| (rater, record))).collect();
            let Found { written, others } = memtable.find(pairs.iter().copied());
            prop_assert_eq!(written.len() + others.len(), pairs.len());
            prop_assert!(written.iter().all(|(place, row)| memtable.get(pairs[*place]) == Some(row.clone())));
            prop_assert!(others.iter().all(|(place, pair)| pairs[*place] == *pair && memtable.get(*pair).is_none()));
        }
    }

    #[test]
    fn memtable_and_journal_stay_small(
        most in 1..12_usize,
        batches in prop::collection::vec(changes(), 0..200),
    ) {
        let mut stored = Stored::default();
        let (mut journal, memtable) = stored.load(most);
        for changes in batches {
            let step = journal.step(changes, &memtable);
            stored.follow(&step);
            journal.settle(step, &memtable);
            let journaled: usize = stored.journal.values().map(Vec::len).sum();
            // A batch may come on top of what was merged before it, and what a sweep has met goes when it ends.
            prop_assert!(memtable.len() <= most + 7, "{} rows", memtable.len());
            prop_assert!(journaled <= 4 * most + 5 * 7, "{journaled} changes");
        }
    }
}
