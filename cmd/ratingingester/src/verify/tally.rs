//! The expected aggregates of a run: the last rating per user and record counts.

use crate::event::Event;
use model::Value;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;

/// The ratings that result from a run's events. A rating is stored as a digest of 64 bits and its value: in a run of
/// ten million ratings, the probability that two share a digest and cause a false difference is about 1 in 100,000.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    digest: RandomState,
    ratings: HashMap<u64, Value>,
    records: HashMap<Box<str>, Count>,
}

/// The ratings of one record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// The number of ratings per value.
    pub(crate) histogram: [u64; Value::COUNT],
    /// The number of ratings.
    pub(crate) count: u64,
    /// The sum of the values.
    pub(crate) sum: u64,
    /// An event about the record may or may not have been delivered.
    pub(crate) doubtful: bool,
}

impl Tally {
    /// Counts an event that is sent after all those counted before.
    pub(crate) fn add(&mut self, event: &Event) {
        let rating = self.digest.hash_one((event.key(), event.user_id()));
        let before = match event.value() {
            Some(value) => self.ratings.insert(rating, value),
            None => self.ratings.remove(&rating),
        };
        if before.is_none() && event.value().is_none() && self.records.contains_key(event.key()) {
            return;
        }
        let record = match self.records.get_mut(event.key()) {
            Some(record) => record,
            None => self.records.entry(event.key().into()).or_default(),
        };
        if let Some(before) = before {
            record.histogram[before.index()] -= 1;
            record.count -= 1;
            record.sum -= u64::from(before.get());
        }
        if let Some(value) = event.value() {
            record.histogram[value.index()] += 1;
            record.count += 1;
            record.sum += u64::from(value.get());
        }
    }

    /// Marks the record with this key: an event about it was counted, but rejected by the brokers.
    pub(crate) fn doubt(&mut self, key: &[u8]) {
        self.records.entry(String::from_utf8_lossy(key).into()).or_default().doubtful = true;
    }

    /// Returns the unmarked records as type and id, grouped by type.
    pub(super) fn certain(&self) -> Vec<(&str, &str)> {
        let certain = self.records.iter().filter(|(_, count)| !count.doubtful);
        let mut records: Vec<_> = certain.filter_map(|(key, _)| key.split_once('/')).collect();
        records.sort_unstable();
        records
    }

    /// Returns the number of marked records.
    pub(super) fn doubtful(&self) -> usize {
        self.records.values().filter(|count| count.doubtful).count()
    }

    /// Returns the expected ratings of a record.
    pub(super) fn count(&self, (record_type, record_id): (&str, &str)) -> Count {
        self.records.get(&*format!("{record_type}/{record_id}")).copied().unwrap_or_default()
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ratings of sum {} as {:?}", self.count, self.sum, self.histogram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(user: &str, record: &str, value: Option<u8>) -> Event {
        let what = match value {
            Some(value) => format!(r#""value":{value}"#),
            None => r#""eventType":"delete""#.to_owned(),
        };
        let json = format!(r#"{{"userId":"{user}","recordId":"{record}","recordType":"movie",{what}}}"#);
        Event::from_json(json.as_bytes()).unwrap()
    }

    #[test]
    fn last_event_per_user_and_record_counts() {
        let mut tally = Tally::default();
        for (user, record, value) in [
            ("u", "1", Some(5)),
            ("v", "1", Some(5)),
            ("u", "1", Some(7)),
            ("v", "1", None),
            ("v", "1", None),
            ("w", "1", Some(7)),
            ("u", "2", None),
        ] {
            tally.add(&event(user, record, value));
        }
        let mut histogram = [0; 10];
        histogram[6] = 2;
        let expected = Count { histogram, count: 2, sum: 14, doubtful: false };
        assert_eq!(tally.count(("movie", "1")), expected);
        assert_eq!(tally.count(("movie", "2")), Count::default());
        assert_eq!(tally.certain(), [("movie", "1"), ("movie", "2")]);
    }

    #[test]
    fn record_with_rejected_event_is_not_compared() {
        let mut tally = Tally::default();
        tally.add(&event("u", "1", Some(5)));
        tally.doubt(b"movie/1");
        tally.doubt(b"movie/2");
        assert!(tally.certain().is_empty());
        assert_eq!(tally.doubtful(), 2);
    }
}
