//! A decoded chunk: its writes, its invalid records, and the new position of each partition.

use crate::batch::{Position, Write};
use crate::ingester::chunk::{Chunk, KafkaRecord, digest};
use crate::ingester::decode::{Rejected, decode};
use std::collections::BTreeMap;
use std::ops::Range;

/// A decoded chunk.
pub(super) struct Decoded {
    /// The records: some may go to the dead letters.
    pub(super) chunk: Chunk,
    pub(super) run: Run,
    pub(super) parts: Parts,
    pub(super) rejected: Vec<Reject>,
}

/// A record that goes to the dead letters: its index in the chunk, and the reason.
pub(super) type Reject = (u32, Rejected);

/// The parts of a chunk, by partition.
pub(super) type Parts = BTreeMap<i32, Part>;

/// The part of a chunk that belongs to one partition, all of the same epoch.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) epoch: u64,
    /// The first offset that is not stored yet.
    pub(super) first: i64,
    /// The time of the first record in milliseconds; -1 if it has none.
    pub(super) first_timestamp: i64,
    pub(super) to: Position,
}

/// Consecutive records of a chunk, and the writes decoded from them.
#[derive(Clone, Debug)]
pub(super) struct Run {
    records: Range<usize>,
    pub(super) writes: Vec<Write>,
    /// For each write, the index of its record in the chunk.
    of_write: Vec<u32>,
}

impl Decoded {
    /// Decodes the records of `chunk`.
    pub(super) fn of(chunk: Chunk) -> Self {
        let _span = chunk.work("decode");
        let count = chunk.records.len();
        let mut run =
            Run { records: 0..count, writes: Vec::with_capacity(count), of_write: Vec::with_capacity(count) };
        let mut rejected = Vec::new();
        let mut spans: BTreeMap<i32, (&KafkaRecord, &KafkaRecord)> = BTreeMap::new();
        for (index, record) in (0..).zip(&chunk.records) {
            spans.entry(record.partition).or_insert((record, record)).1 = record;
            match decode(&chunk.content(record), record.timestamp) {
                Ok(write) => {
                    run.writes.push(write);
                    run.of_write.push(index);
                }
                Err(reason) => rejected.push((index, reason)),
            }
        }
        let parts = spans.into_iter().map(|(partition, (first, last))| {
            let (epoch, to) = (last.epoch, position(&chunk, last));
            (partition, Part { epoch, first: first.offset, first_timestamp: first.timestamp, to })
        });
        Self { parts: parts.collect(), chunk, run, rejected }
    }
}

/// Returns the position after `record`.
fn position(chunk: &Chunk, record: &KafkaRecord) -> Position {
    let content = chunk.content(record);
    Position {
        next_offset: record.offset + 1,
        skipped: 0,
        last_timestamp: record.timestamp,
        last_digest: digest(content.key, content.value),
    }
}

impl Run {
    /// Returns the same records without writes.
    pub(super) fn without_writes(&self) -> Self {
        Self { records: self.records.clone(), writes: Vec::new(), of_write: Vec::new() }
    }

    /// Removes the writes of partitions that are not in `parts`.
    pub(super) fn keep(&mut self, chunk: &Chunk, parts: &Parts) {
        let is_kept = |index: &u32| parts.contains_key(&chunk.records[*index as usize].partition);
        let mut of_write = self.of_write.iter();
        self.writes.retain(|_| of_write.next().is_some_and(is_kept));
        self.of_write.retain(is_kept);
    }

    /// Returns the positions of the `parts` after this run: of the partitions that it has records of, and of all
    /// partitions if it is the last run of the chunk.
    pub(super) fn positions(&self, chunk: &Chunk, parts: &Parts) -> BTreeMap<i32, Position> {
        if self.records.end == chunk.records.len() {
            return parts.iter().map(|(&partition, part)| (partition, part.to.clone())).collect();
        }
        let records = chunk.records[self.records.clone()].iter();
        let last: BTreeMap<i32, &KafkaRecord> = records.map(|record| (record.partition, record)).collect();
        let of_parts = last.into_iter().filter(|(partition, _)| parts.contains_key(partition));
        of_parts.map(|(partition, record)| (partition, position(chunk, record))).collect()
    }

    /// Splits the run before the second half of its writes. It must have at least two.
    pub(super) fn split(mut self) -> (Self, Self) {
        let half = self.writes.len() / 2;
        let at = self.of_write[half] as usize;
        let second = Self {
            records: at..self.records.end,
            writes: self.writes.split_off(half),
            of_write: self.of_write.split_off(half),
        };
        self.records.end = at;
        (self, second)
    }

    /// Returns the index of the record, if there is exactly one write.
    pub(super) fn only(&self) -> Option<u32> {
        if let [record] = self.of_write[..] { Some(record) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_runs_advance_each_partition_as_far_as_the_whole() {
        let mut chunk = Chunk::default();
        for (offset, partition) in [(5, 0), (7, 1), (6, 0), (8, 1), (9, 1)] {
            let value = format!(r#"{{"userId":"u{offset}","recordId":"1","recordType":"movie","value":7}}"#);
            let value = if offset == 8 { "no event".to_owned() } else { value };
            chunk.add_value(partition, offset, value.as_bytes());
        }
        let Decoded { chunk, run, parts, rejected } = Decoded::of(chunk);
        assert_eq!((run.writes.len(), rejected.len(), rejected[0].0), (4, 1, 3));
        let whole = run.positions(&chunk, &parts);
        assert_eq!((whole[&0].next_offset, whole[&1].next_offset), (7, 10));

        let (first, second) = run.split();
        assert_eq!((first.writes.len(), second.writes.len()), (2, 2));
        let positions = first.positions(&chunk, &parts);
        assert_eq!((positions[&0].next_offset, positions[&1].next_offset), (6, 8));
        assert_eq!(second.positions(&chunk, &parts), whole);

        let (one, other) = second.split();
        assert_eq!((one.only(), other.only()), (Some(2), Some(4)));
        // The record that can't be read is skipped with the write before it.
        assert_eq!(one.positions(&chunk, &parts)[&1].next_offset, 9);
        assert_eq!(one.positions(&chunk, &parts)[&0], whole[&0]);
    }
}
