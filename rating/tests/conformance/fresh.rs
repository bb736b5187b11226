//! Readers beside writers, calls and lanes: who asks after a write was answered is not told what was before it.

use crate::cases::{advance, rating, record, user};
use crate::random::seeds;
use crate::stores::Stores;
use model::{Aggregate, Record, RecordId, RecordType};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rating::batch::{Batch, Write};
use rating::repository::Ratings;
use rating::writer::Writer;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

const OWNERS: usize = 4;
const RECORDS: usize = 3;
const READERS: u64 = 6;

/// A record that one task alone writes, by turns a rating and its removal. Its version `n` is what the `n`th
/// write made of it: revision `n` where that is odd, no aggregate where it is even.
struct Versions {
    record: Record,
    begun: AtomicU64,
    answered: AtomicU64,
}

impl Versions {
    fn of(id: &str) -> Self {
        Self { record: record(id), begun: AtomicU64::new(0), answered: AtomicU64::new(0) }
    }

    /// Begins the next version.
    fn next(&self) -> Write {
        let put = self.begun.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
        let rating = rating(self.record.record_id.as_str(), "ann", 7);
        if put {
            Write::Put(rating)
        } else {
            Write::Delete { record: rating.record, user_id: rating.user_id }
        }
    }

    fn answer(&self) {
        self.answered.store(self.begun.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Holds what was read against the versions that it may be, where `answered` was the last one to be
    /// answered before the read began.
    fn check(&self, answered: u64, read: Option<&Aggregate>) {
        let begun = self.begun.load(Ordering::SeqCst);
        let fits = match read {
            Some(aggregate) => (answered..=begun).contains(&aggregate.revision),
            None => answered.is_multiple_of(2) || begun > answered,
        };
        let read = read.map(|aggregate| aggregate.revision);
        assert!(
            fits,
            "read {read:?} of {} after {answered} was answered, before {begun}",
            self.record.record_id
        );
    }
}

/// Writes the versions of its records, by calls and by batches with a position.
async fn own(writer: Writer, number: usize, records: Arc<[Versions]>, steps: usize, mut random: StdRng) {
    let mut position = None;
    for _ in 0..steps {
        if random.random_bool(0.5) {
            let record = &records[random.random_range(0..records.len())];
            writer.write(record.next()).await.unwrap();
            record.answer();
        } else {
            let chosen: Vec<&Versions> = records.iter().filter(|_| random.random_bool(0.5)).collect();
            let next = position.unwrap_or(0) + 1;
            let offsets = vec![advance(i32::try_from(number).unwrap(), position, next)];
            position = Some(next);
            let batch = Batch { writes: chosen.iter().map(|record| record.next()).collect(), offsets };
            let lane = random.random_range(0..writer.lanes());
            writer.ingest(lane, batch).await.unwrap();
            chosen.iter().for_each(|record| record.answer());
        }
    }
}

/// Reads records one by one and together until `stop`.
async fn read(
    store: Arc<dyn Ratings>,
    records: Vec<Arc<[Versions]>>,
    mut random: StdRng,
    stop: CancellationToken,
) {
    let movie = RecordType::movie();
    while !stop.is_cancelled() {
        let records = &records[random.random_range(0..records.len())];
        let answered: Vec<u64> =
            records.iter().map(|record| record.answered.load(Ordering::SeqCst)).collect();
        if random.random_bool(0.7) {
            let place = random.random_range(0..records.len());
            let found = store.get_aggregate(&records[place].record).await.unwrap();
            records[place].check(answered[place], found.as_deref());
        } else {
            let ids: Vec<RecordId> = records.iter().map(|record| record.record.record_id.clone()).collect();
            let found = store.batch_get_aggregates(&movie, &ids).await.unwrap();
            for (record, answered) in records.iter().zip(answered) {
                record.check(
                    answered,
                    found.iter().map(|found| &**found).find(|found| found.record == record.record),
                );
            }
        }
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn no_read_answers_what_was_before_a_write_that_was_answered(stores: &Stores) {
    for seed in seeds() {
        let random = |number: u64| StdRng::seed_from_u64(seed.0 ^ number);
        let (written, stop) = (CancellationToken::new(), CancellationToken::new());
        let (mut owners, mut readers) = (Vec::new(), Vec::new());
        for (instance, store) in stores.instances.iter().enumerate() {
            let writer = Writer::start(Arc::clone(&store.batches), &stop);
            let mut all = Vec::new();
            for owner in 0..OWNERS {
                let number = instance * OWNERS + owner;
                let versions = |i| Versions::of(&format!("{} {number} {i}", seed.0));
                let records: Arc<[Versions]> = (0..RECORDS).map(versions).collect();
                all.push(Arc::clone(&records));
                let random = random(number as u64);
                owners.push(tokio::spawn(own(writer.clone(), number, records, stores.steps, random)));
            }
            readers.extend((0..READERS).map(|reader| {
                let random = random(1000 + reader);
                tokio::spawn(read(Arc::clone(&store.ratings), all.clone(), random, written.clone()))
            }));
        }
        for owner in owners {
            owner.await.unwrap();
        }
        written.cancel();
        for reader in readers {
            reader.await.unwrap();
        }
        stop.cancel();
        stores.first().repository.forget_positions("ratings").await.unwrap();
    }
}

pub(crate) async fn what_another_instance_has_written_shows_in_time(stores: &Stores) {
    let (reader, writer) = (stores.first(), stores.instances.last().unwrap());
    for revision in 1..=10 {
        let before = reader.ratings.get_aggregate(&record("1")).await.unwrap();
        let kept = Instant::now();
        assert_eq!(before.map_or(0, |before| before.revision), revision - 1);
        let put = Write::Put(rating("1", user(&revision.to_string()).as_str(), 7));
        writer.batches.apply(0, &Batch::of(vec![put])).await.unwrap();
        loop {
            let begun = Instant::now();
            let found = reader.ratings.get_aggregate(&record("1")).await.unwrap();
            if found.is_some_and(|found| found.revision == revision) {
                break;
            }
            assert!(begun < kept + stores.max_age, "revision {revision} does not show");
        }
    }
}
