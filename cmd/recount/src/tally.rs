//! The result of applying events one after the other.

use crate::event::{Event, Rating};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The aggregate of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aggregate {
    /// The number of ratings per value, value 1 first.
    pub counts: [i64; 10],
    /// The number of events that changed the counts.
    pub revision: i64,
}

impl Aggregate {
    /// Adds or subtracts one rating of `value`.
    pub(crate) fn count(&mut self, value: u8, by: i64) {
        self.counts[usize::from(value) - 1] += by;
    }
}

/// The events of a topic, applied in the order of their partitions.
#[derive(Debug, Default)]
pub struct Tally {
    /// The aggregate of each record by its name, `type/id`.
    pub records: HashMap<String, Counted>,
    /// Each user's rating by record and user; none if it was deleted.
    pub ratings: HashMap<(u32, u32), Standing>,
    users: HashMap<String, u32>,
    names: Vec<String>,
    user_names: Vec<String>,
}

/// A record and its aggregate.
#[derive(Debug)]
pub struct Counted {
    number: u32,
    /// The aggregate.
    pub aggregate: Aggregate,
    /// Whether a rating of it is written through two partitions, so that the order is unknown.
    pub undecided: bool,
}

/// The entry of a record and user.
#[derive(Debug)]
pub struct Standing {
    partition: i32,
    /// The rating.
    pub rating: Option<Rating>,
    /// Whether it is written through two partitions.
    pub undecided: bool,
}

impl Tally {
    pub(crate) fn apply(&mut self, partition: i32, event: Event) {
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let counted = match self.records.entry(event.record) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                self.names.push(new.key().clone());
                new.insert(Counted { number, aggregate: Aggregate::default(), undecided: false })
            }
        };
        let number = u32::try_from(self.user_names.len()).unwrap_or(u32::MAX);
        let user = match self.users.entry(event.user) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                self.user_names.push(new.key().clone());
                *new.insert(number)
            }
        };
        let standing = self.ratings.entry((counted.number, user));
        let standing = standing.or_insert(Standing { partition, rating: None, undecided: false });
        if standing.partition != partition {
            (standing.undecided, counted.undecided) = (true, true);
        }
        let value = |rating: &Option<Rating>| rating.as_ref().map(|rating| rating.value);
        let (before, after) = (value(&standing.rating), value(&event.put));
        if before != after {
            counted.aggregate.revision += 1;
        }
        if let Some(value) = before {
            counted.aggregate.count(value, -1);
        }
        if let Some(value) = after {
            counted.aggregate.count(value, 1);
        }
        standing.rating = event.put;
    }

    /// Returns the names of a record and a user.
    #[must_use]
    pub fn names(&self, (record, user): (u32, u32)) -> (&str, &str) {
        (&self.names[record as usize], &self.user_names[user as usize])
    }

    /// Returns the entry of a record and user.
    #[must_use]
    pub fn standing(&self, record: &str, user: &str) -> Option<&Standing> {
        self.ratings.get(&(self.records.get(record)?.number, *self.users.get(user)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(user: &str, value: Option<u8>) -> Event {
        let put = value.map(|value| Rating { value, provider: None, rated_at: 0 });
        Event { record: "movie/1".to_owned(), user: user.to_owned(), put }
    }

    #[test]
    fn second_rating_replaces_first_and_delete_removes_it() {
        let mut tally = Tally::default();
        for (user, value) in [("a", Some(1)), ("a", Some(1)), ("a", Some(3)), ("b", Some(3)), ("b", None)] {
            tally.apply(0, event(user, value));
        }
        tally.apply(0, event("c", None));
        let counted = &tally.records["movie/1"];
        assert_eq!(counted.aggregate.counts, [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!((counted.aggregate.revision, counted.undecided), (4, false));
        assert_eq!(tally.standing("movie/1", "b").unwrap().rating, None);
    }

    #[test]
    fn rating_through_two_partitions_has_no_order() {
        let mut tally = Tally::default();
        tally.apply(0, event("a", Some(1)));
        tally.apply(1, event("b", Some(1)));
        assert!(!tally.records["movie/1"].undecided);
        tally.apply(1, event("a", Some(2)));
        assert!(tally.records["movie/1"].undecided && tally.standing("movie/1", "a").unwrap().undecided);
    }
}
