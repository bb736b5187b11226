//! Checks of the stored data against itself and against the topic.

use crate::event::Rating;
use crate::log::Log;
use crate::stored::{Aggregate, Stored};
use crate::tally;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

/// The number of differences that are printed.
const TOLD: usize = 20;

/// What differs.
#[derive(Debug, Default)]
pub struct Differences {
    /// The total number.
    pub count: u64,
    /// The first of them as text.
    pub first: Vec<String>,
}

impl Differences {
    fn add(&mut self, difference: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < TOLD {
            self.first.push(difference());
        }
    }

    fn expect<T: PartialEq + fmt::Debug>(&mut self, what: impl FnOnce() -> String, stored: T, counted: T) {
        if stored != counted {
            self.add(|| format!("{}: stored {stored:?}, counted {counted:?}", what()));
        }
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.iter().try_for_each(|difference| writeln!(f, "  {difference}"))?;
        match self.count {
            0 => writeln!(f, "no differences"),
            1 => writeln!(f, "1 difference"),
            count => writeln!(f, "{count} differences"),
        }
    }
}

/// Compares the stored aggregates with a recount of the stored ratings.
pub fn against_itself(stored: &Stored, differences: &mut Differences) {
    let mut counted: HashMap<&str, tally::Aggregate> = HashMap::new();
    for (&key, rating) in &stored.ratings {
        counted.entry(stored.names(key).0).or_default().count(rating.value, 1);
    }
    for (record, aggregate) in &stored.aggregates {
        let counts = counted.remove(record.as_str()).unwrap_or_default().counts;
        differences.expect(|| format!("histogram of {record}"), aggregate.counts, counts);
        sums(record, aggregate, stored.prior, differences);
    }
    for (record, _) in counted {
        differences.add(|| format!("{record} has ratings, but no aggregate"));
    }
}

/// Compares an aggregate's other figures with its own histogram.
fn sums(record: &str, aggregate: &Aggregate, (weight, prior): (f64, f64), differences: &mut Differences) {
    let count: i64 = aggregate.counts.iter().sum();
    let sum: i64 = aggregate.counts.iter().zip(1..).map(|(count, value)| count * value).sum();
    differences.expect(|| format!("count of {record}"), aggregate.count, count);
    differences.expect(|| format!("sum of {record}"), aggregate.sum, sum);
    let all = count as f64 + weight;
    let mean = if all > 0.0 { (sum as f64 + weight * prior) / all } else { prior };
    if (aggregate.weighted_mean - mean).abs() > 1e-9 {
        differences.expect(|| format!("weighted mean of {record}"), aggregate.weighted_mean, mean);
    }
}

/// Compares the stored data with the result of the topic; `letters` are the events among the dead letters.
pub fn against_log(
    stored: &Stored,
    log: &Log,
    letters: &BTreeSet<(i32, i64)>,
    differences: &mut Differences,
) {
    for (partition, end) in &log.ends {
        let next = stored.offsets.get(partition);
        let high = log.highs.get(partition).unwrap_or(end);
        if !next.is_some_and(|next| (end..=high).contains(&next)) {
            differences.add(|| {
                format!("next offset of partition {partition}: stored {next:?}, counted {end} to {high}")
            });
        }
    }
    for (place, reason) in log.rejected.iter().filter(|(place, _)| !letters.contains(place)) {
        differences.add(|| format!("the event at {place:?} ({reason}) is not in the dead-letter topic"));
    }
    effects(stored, log, differences);
    let empty = tally::Aggregate::default();
    for (record, counted) in log.tally.records.iter().filter(|(_, counted)| !counted.undecided) {
        let revision = stored.aggregates.get(record).map_or(0, |aggregate| aggregate.revision);
        differences.expect(|| format!("revision of {record}"), revision, counted.aggregate.revision);
    }
    for (record, aggregate) in &stored.aggregates {
        if !log.tally.records.contains_key(record) {
            differences.expect(|| format!("revision of {record}"), aggregate.revision, empty.revision);
        }
    }
}

/// Compares ratings and histograms, but not the number of changes.
pub fn effects(stored: &Stored, log: &Log, differences: &mut Differences) {
    let empty = tally::Aggregate::default();
    for (record, counted) in log.tally.records.iter().filter(|(_, counted)| !counted.undecided) {
        let counts = stored.aggregates.get(record).map_or(empty.counts, |aggregate| aggregate.counts);
        differences.expect(|| format!("histogram of {record}"), counts, counted.aggregate.counts);
    }
    let mut seen: HashSet<(&str, &str)> = HashSet::with_capacity(stored.ratings.len());
    for (&key, rating) in &stored.ratings {
        let (record, user) = stored.names(key);
        seen.insert((record, user));
        let standing = log.tally.standing(record, user);
        if !standing.is_some_and(|standing| standing.undecided) {
            let counted = standing.and_then(|standing| standing.rating.as_ref());
            differences.expect(|| told(record, user), Some(rating), counted);
        }
    }
    for (&key, standing) in &log.tally.ratings {
        let (record, user) = log.tally.names(key);
        if !standing.undecided && !seen.contains(&(record, user)) {
            differences.expect(|| told(record, user), None::<&Rating>, standing.rating.as_ref());
        }
    }
}

fn told(record: &str, user: &str) -> String {
    format!("rating of {record} by {user}")
}
