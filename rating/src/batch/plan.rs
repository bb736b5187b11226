//! The plan of a batch: the keys that it touches, and the changes that its writes make to the stored ratings and
//! aggregates.

use super::write::{Outcome, Write};
use foldhash::{HashMap, HashMapExt};
use model::{Histogram, ProviderId, Rating, Record, Timestamp, UserId, Value};
use std::collections::hash_map::Entry;

/// The distinct keys that a batch touches, numbered in the order of their first occurrence.
#[derive(Debug)]
pub struct Keys<'a> {
    /// The records.
    pub records: Vec<&'a Record>,
    /// For each record, whether it occurs in a put: then it needs a key.
    pub records_put: Vec<bool>,
    /// The users.
    pub users: Vec<&'a UserId>,
    /// For each user, whether it occurs in a put: then it needs a key.
    pub users_put: Vec<bool>,
    /// The ratings: the number of the record and the number of the user.
    pub pairs: Vec<(usize, usize)>,
    of_write: Vec<usize>,
}

impl<'a> Keys<'a> {
    /// Collects the keys of `writes`.
    #[must_use]
    pub fn of(writes: &'a [Write]) -> Self {
        let mut records = Numbered::default();
        let mut users = Numbered::with_capacity(writes.len());
        let mut pairs = Numbered::with_capacity(writes.len());
        let of_write = writes
            .iter()
            .map(|write| pairs.number((records.number(write.record()), users.number(write.user_id()))))
            .collect::<Vec<usize>>();
        let (mut records_put, mut users_put) =
            (vec![false; records.keys.len()], vec![false; users.keys.len()]);
        for (_, &pair) in writes.iter().zip(&of_write).filter(|(write, _)| matches!(write, Write::Put(_))) {
            let (record, user): (usize, usize) = pairs.keys[pair];
            records_put[record] = true;
            users_put[user] = true;
        }
        Self { records: records.keys, records_put, users: users.keys, users_put, pairs: pairs.keys, of_write }
    }
}

struct Numbered<K> {
    keys: Vec<K>,
    numbers: HashMap<K, usize>,
}

impl<K> Default for Numbered<K> {
    fn default() -> Self {
        Self { keys: Vec::new(), numbers: HashMap::new() }
    }
}

impl<K: std::hash::Hash + Eq + Copy> Numbered<K> {
    fn with_capacity(count: usize) -> Self {
        Self { keys: Vec::with_capacity(count), numbers: HashMap::with_capacity(count) }
    }

    fn number(&mut self, key: K) -> usize {
        match self.numbers.entry(key) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                self.keys.push(key);
                *new.insert(self.keys.len() - 1)
            }
        }
    }
}

/// A rating without its key, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRating {
    /// The value.
    pub value: Value,
    /// The provider, if known.
    pub provider_id: Option<ProviderId>,
    /// The time of the rating.
    pub rated_at: Timestamp,
}

impl StoredRating {
    /// Returns the complete rating, of `record` by `user`.
    #[must_use]
    pub fn by(&self, user: &UserId, record: &Record) -> Rating {
        Rating {
            record: record.clone(),
            user_id: user.clone(),
            value: self.value,
            provider_id: self.provider_id.clone(),
            rated_at: self.rated_at,
        }
    }
}

impl From<&Rating> for StoredRating {
    fn from(rating: &Rating) -> Self {
        Self { value: rating.value, provider_id: rating.provider_id.clone(), rated_at: rating.rated_at }
    }
}

/// The change of the aggregate of one record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The differences of the histogram's counts, that of value 1 first.
    pub counts: [i64; Value::COUNT],
    /// The difference of the revision: 1 for each write that changed the aggregate, so that it does not depend on
    /// how writes are grouped into batches. A put that changes nothing, or only the provider or the time, does not
    /// change the aggregate.
    pub revisions: u64,
}

impl Change {
    /// Returns the histogram after the change.
    #[must_use]
    pub fn applied_to(&self, before: &Histogram) -> Histogram {
        let mut counts = *before.counts();
        for (count, grown) in counts.iter_mut().zip(self.counts) {
            *count = count.saturating_add_signed(grown);
        }
        Histogram::new(counts)
    }
}

/// The effects of a batch.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The outcome of each write, in the order of the batch.
    pub outcomes: Vec<Outcome>,
    /// The pairs that change, with the new rating; `None` if the rating is deleted.
    pub rows: Vec<(usize, Option<&'a Rating>)>,
    /// The change of each record's aggregate, in the order of [`Keys::records`].
    pub changes: Vec<Change>,
}

impl<'a> Plan<'a> {
    /// Replays `writes` in their order on `stored`, the stored ratings of [`Keys::pairs`].
    #[must_use]
    pub fn of(writes: &'a [Write], keys: &Keys<'a>, stored: &[Option<StoredRating>]) -> Self {
        let mut now: Vec<RatingState<'a, '_>> =
            stored.iter().map(|stored| RatingState::Stored(stored.as_ref())).collect();
        let mut changes = vec![Change::default(); keys.records.len()];
        let mut outcomes = Vec::with_capacity(writes.len());
        for (write, &pair) in writes.iter().zip(&keys.of_write) {
            let (before, after, outcome) = replay(&mut now[pair], write);
            if before != after {
                let change = &mut changes[keys.pairs[pair].0];
                change.revisions += 1;
                if let Some(value) = before {
                    change.counts[value.index()] -= 1;
                }
                if let Some(value) = after {
                    change.counts[value.index()] += 1;
                }
            }
            outcomes.push(outcome);
        }
        let rows = now
            .iter()
            .zip(stored)
            .enumerate()
            .filter_map(|(pair, (now, stored))| match now {
                RatingState::Put(rating) => {
                    (!is_stored(stored.as_ref(), rating)).then_some((pair, Some(*rating)))
                }
                RatingState::Deleted => stored.as_ref().map(|_| (pair, None)),
                RatingState::Stored(_) => None,
            })
            .collect();
        Self { outcomes, rows, changes }
    }
}

/// The state of a rating in the middle of a replay.
enum RatingState<'a, 'h> {
    Stored(Option<&'h StoredRating>),
    Put(&'a Rating),
    Deleted,
}

impl RatingState<'_, '_> {
    fn value(&self) -> Option<Value> {
        match self {
            Self::Stored(stored) => stored.map(|stored| stored.value),
            Self::Put(rating) => Some(rating.value),
            Self::Deleted => None,
        }
    }

    fn is(&self, rating: &Rating) -> bool {
        match self {
            Self::Stored(stored) => is_stored(*stored, rating),
            Self::Put(earlier) => *earlier == rating,
            Self::Deleted => false,
        }
    }
}

fn is_stored(stored: Option<&StoredRating>, rating: &Rating) -> bool {
    stored.is_some_and(|stored| {
        stored.value == rating.value
            && stored.rated_at == rating.rated_at
            && stored.provider_id == rating.provider_id
    })
}

fn replay<'a>(now: &mut RatingState<'a, '_>, write: &'a Write) -> (Option<Value>, Option<Value>, Outcome) {
    let before = now.value();
    let outcome = match (write, before) {
        (Write::Put(rating), Some(_)) if now.is(rating) => Outcome::Unchanged,
        (Write::Put(_), Some(_)) => Outcome::Replaced,
        (Write::Put(_), None) => Outcome::Created,
        (Write::Delete { .. }, Some(_)) => Outcome::Deleted,
        (Write::Delete { .. }, None) => Outcome::Absent,
    };
    match (write, outcome) {
        (_, Outcome::Unchanged | Outcome::Absent) => {}
        (Write::Put(rating), _) => *now = RatingState::Put(rating),
        (Write::Delete { .. }, _) => *now = RatingState::Deleted,
    }
    (before, now.value(), outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{RecordId, RecordType};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, HashMap};

    type Naive = BTreeMap<(Record, UserId), Rating>;

    fn write() -> impl Strategy<Value = Write> {
        (0..3_u8, 0..3_u8, 0..4_i64, 0..2_u8, 0..2_i64).prop_map(|(record, user, value, provider, time)| {
            let record = Record {
                record_type: RecordType::movie(),
                record_id: RecordId::new(format!("r{record}")).unwrap(),
            };
            let user_id = UserId::new(format!("u{user}")).unwrap();
            if value == 0 {
                return Write::Delete { record, user_id };
            }
            Write::Put(Rating {
                record,
                user_id,
                value: Value::new(value).unwrap(),
                provider_id: (provider > 0).then(|| ProviderId::new("p").unwrap()),
                rated_at: Timestamp::from_millis(time).unwrap(),
            })
        })
    }

    /// Applies one write by the rules of the model; returns the outcome and the difference of the revision.
    fn apply_naively(ratings: &mut Naive, write: &Write) -> (Outcome, u64) {
        let key = (write.record().clone(), write.user_id().clone());
        let before = ratings.get(&key).cloned();
        match write {
            Write::Put(rating) => {
                ratings.insert(key, rating.clone());
                match before {
                    None => (Outcome::Created, 1),
                    Some(before) if before == *rating => (Outcome::Unchanged, 0),
                    Some(before) => (Outcome::Replaced, u64::from(before.value != rating.value)),
                }
            }
            Write::Delete { .. } => match ratings.remove(&key) {
                Some(_) => (Outcome::Deleted, 1),
                None => (Outcome::Absent, 0),
            },
        }
    }

    fn histogram(ratings: &Naive, record: &Record) -> Histogram {
        let mut histogram = Histogram::default();
        ratings
            .values()
            .filter(|rating| rating.record == *record)
            .for_each(|rating| histogram.add(rating.value));
        histogram
    }

    proptest! {
        #[test]
        fn plan_equals_its_writes_applied_one_by_one(
            before in prop::collection::vec(write(), 0..12),
            writes in prop::collection::vec(write(), 0..24),
        ) {
            let mut naive = Naive::new();
            before.iter().for_each(|write| { apply_naively(&mut naive, write); });
            let mut stored = naive.clone();

            let keys = Keys::of(&writes);
            let key = |pair: usize| {
                let (record, user) = keys.pairs[pair];
                (keys.records[record].clone(), keys.users[user].clone())
            };
            let found: Vec<Option<StoredRating>> =
                (0..keys.pairs.len()).map(|pair| stored.get(&key(pair)).map(StoredRating::from)).collect();
            let plan = Plan::of(&writes, &keys, &found);

            let mut outcomes = Vec::new();
            let mut revisions: HashMap<Record, u64> = HashMap::new();
            for write in &writes {
                let (outcome, grown) = apply_naively(&mut naive, write);
                outcomes.push(outcome);
                *revisions.entry(write.record().clone()).or_default() += grown;
            }
            prop_assert_eq!(&plan.outcomes, &outcomes);

            for (record, change) in keys.records.iter().zip(&plan.changes) {
                let (old, new) = (histogram(&stored, record), histogram(&naive, record));
                prop_assert_eq!(change.applied_to(&old), new);
                prop_assert_eq!(change.revisions, revisions[*record]);
            }

            for (pair, row) in &plan.rows {
                let changed = match row {
                    Some(rating) => stored.insert(key(*pair), (*rating).clone()) != Some((*rating).clone()),
                    None => stored.remove(&key(*pair)).is_some(),
                };
                prop_assert!(changed, "a row that changes nothing is not written");
            }
            prop_assert_eq!(stored, naive);
        }
    }
}
