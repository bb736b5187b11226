//! Random runs against a plain model. A run's seed is printed where it fails; `MARQUEE_TEST_SEED` repeats its
//! writes, though not their timing, and `MARQUEE_TEST_SECONDS` lets runs follow one another for so long.

use crate::cases::{advance, record, record_of, user};
use crate::stores::Stores;
use model::{Histogram, Prior, ProviderId, Rating, Record, RecordType, Timestamp, UserId, Value};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rating::batch::{Batch, Outcome, Write};
use rating::repository::{Ratings, TopRated, UserRatings};
use rating::store::Store;
use rating::writer::{Error, Writer};
use std::collections::{BTreeMap, HashMap};
use std::env;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const OWNERS: usize = 24;
const RECORDS: usize = 5;
const USERS: usize = 12;

pub(crate) type Pair = (Record, UserId);

/// The rules of the nouns, one write at a time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    ratings: BTreeMap<Pair, Rating>,
    revisions: HashMap<Record, u64>,
}

impl Model {
    pub(crate) fn apply(&mut self, write: &Write) -> Outcome {
        let key = (write.record().clone(), write.user_id().clone());
        let before = self.ratings.get(&key).cloned();
        let after = match write {
            Write::Put(rating) => {
                self.ratings.insert(key, rating.clone()).map_or(Some(rating), |_| Some(rating))
            }
            Write::Delete { .. } => {
                self.ratings.remove(&key);
                None
            }
        };
        if before.as_ref().map(|rating| rating.value) != after.map(|rating| rating.value) {
            *self.revisions.entry(write.record().clone()).or_default() += 1;
        }
        match (&before, after) {
            (None, None) => Outcome::Absent,
            (None, Some(_)) => Outcome::Created,
            (Some(_), None) => Outcome::Deleted,
            (Some(before), Some(after)) if before == after => Outcome::Unchanged,
            (Some(_), Some(_)) => Outcome::Replaced,
        }
    }

    /// Compares everything that `store` holds with what it should.
    pub(crate) async fn check(&self, store: &dyn Ratings, pairs: &[Pair]) {
        let mut histograms: HashMap<&Record, Histogram> = HashMap::new();
        for (record, user) in pairs {
            let expected = self.ratings.get(&(record.clone(), user.clone()));
            assert_eq!(store.get_rating(record, user).await.unwrap().as_ref(), expected);
            let histogram = histograms.entry(record).or_default();
            expected.iter().for_each(|rating| histogram.add(rating.value));
            let mut listed: Vec<&Rating> =
                self.ratings.values().filter(|rating| rating.user_id == *user).collect();
            listed.sort_by_key(|rating| (std::cmp::Reverse(rating.rated_at), rating.record.clone()));
            let stored = store
                .list_user_ratings(UserRatings { user, record_type: None, after: None, limit: 1000 })
                .await
                .unwrap();
            assert_eq!(stored.iter().collect::<Vec<_>>(), listed);
        }
        for (record, histogram) in histograms {
            let stored = store.get_aggregate(record).await.unwrap();
            if histogram.count() == 0 {
                assert_eq!(stored, None);
                continue;
            }
            let stored = stored.unwrap();
            assert_eq!(stored.histogram, histogram, "of {record:?}");
            assert_eq!(stored.revision, self.revisions[record], "of {record:?}");
            let weighted = Prior::default().weighted_mean(&histogram);
            assert_eq!(stored.weighted_mean.to_bits(), weighted.to_bits(), "of {record:?}");
        }
    }
}

/// Prints the seed of a run that fails.
pub(crate) struct Seed(pub(crate) u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("MARQUEE_TEST_SEED={}", self.0);
        }
    }
}

/// A seed for each run: the one that is asked for, or new ones until the time is up.
pub(crate) fn seeds() -> impl Iterator<Item = Seed> {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let asked = number("MARQUEE_TEST_SEED");
    let until = Instant::now() + Duration::from_secs(number("MARQUEE_TEST_SECONDS").unwrap_or(0));
    let runs = if asked.is_some() { 1 } else { usize::MAX };
    (0..runs)
        .take_while(move |run| *run < 2 || Instant::now() < until)
        .map(move |_| Seed(asked.unwrap_or_else(rand::random)))
}

pub(crate) fn all_pairs(run: u64) -> Vec<Pair> {
    let records = (0..RECORDS).map(|i| match i {
        0 => record_of("book", &format!("{run} record 1")),
        _ => record(&format!("{run} record {i}")),
    });
    let users: Vec<UserId> = (0..USERS).map(|i| user(&format!("{run} user {i}"))).collect();
    records.flat_map(|record| users.clone().into_iter().map(move |user| (record.clone(), user))).collect()
}

fn put((record, user): &Pair, value: i64) -> Write {
    Write::Put(Rating {
        record: record.clone(),
        user_id: user.clone(),
        value: Value::new(value).unwrap(),
        provider_id: None,
        rated_at: Timestamp::from_millis(0).unwrap(),
    })
}

fn random_write(random: &mut StdRng, pairs: &[Pair]) -> Write {
    let (record, user_id) = pairs[random.random_range(0..pairs.len())].clone();
    if random.random_ratio(1, 4) {
        return Write::Delete { record, user_id };
    }
    Write::Put(Rating {
        record,
        user_id,
        value: Value::new(random.random_range(1..=10)).unwrap(),
        provider_id: random.random_bool(0.3).then(|| ProviderId::new("a provider").unwrap()),
        rated_at: Timestamp::from_millis(random.random_range(-2..3)).unwrap(),
    })
}

pub(crate) fn random_writes(random: &mut StdRng, pairs: &[Pair], most: usize) -> Vec<Write> {
    (0..random.random_range(0..=most)).map(|_| random_write(random, pairs)).collect()
}

pub(crate) async fn batches_do_what_their_writes_do_one_by_one(stores: &Stores) {
    for seed in seeds() {
        let mut random = StdRng::seed_from_u64(seed.0);
        let (pairs, mut model) = (all_pairs(seed.0), Model::default());
        for _ in 0..60 {
            let store = &stores.instances[random.random_range(0..stores.instances.len())];
            let lane = random.random_range(0..store.batches.lanes());
            let batch = Batch::of(random_writes(&mut random, &pairs, 40));
            let expected: Vec<Outcome> = batch.writes.iter().map(|write| model.apply(write)).collect();
            assert_eq!(store.batches.apply(lane, &batch).await.unwrap(), expected);
        }
        stores.settle().await;
        model.check(&*stores.first().ratings, &pairs).await;
    }
}

/// A task that alone writes some ratings, so that it knows what each of its writes must come to; the records
/// and users are everyone's.
struct Owner {
    number: usize,
    random: StdRng,
    pairs: Vec<Pair>,
    model: Model,
    /// How far the owner's own partition has come.
    position: Option<i64>,
}

impl Owner {
    async fn run(mut self, writers: Arc<[Writer]>, steps: usize) -> Self {
        for _ in 0..steps {
            let writer = &writers[self.random.random_range(0..writers.len())];
            let lane = self.random.random_range(0..writer.lanes());
            match self.random.random_range(0..10) {
                0 => self.write_as_a_zombie(writer, lane).await,
                1..4 => self.ingest(writer, lane).await,
                _ => self.call(writer).await,
            }
        }
        self
    }

    async fn call(&mut self, writer: &Writer) {
        let write = random_write(&mut self.random, &self.pairs);
        let expected = self.model.apply(&write);
        assert_eq!(writer.write(write).await.unwrap(), expected);
    }

    async fn ingest(&mut self, writer: &Writer, lane: usize) {
        let mut batch = Batch::of(random_writes(&mut self.random, &self.pairs, 8));
        if self.random.random_bool(0.7) {
            let next = self.position.unwrap_or(0) + 1;
            batch.offsets.push(self.step(self.position, next));
            self.position = Some(next);
        }
        let expected: Vec<Outcome> = batch.writes.iter().map(|write| self.model.apply(write)).collect();
        assert_eq!(writer.ingest(lane, batch).await.unwrap(), expected);
    }

    /// Sends a batch that another owner of the partition has overtaken: it must change nothing.
    async fn write_as_a_zombie(&mut self, writer: &Writer, lane: usize) {
        let stale = match self.position {
            None => Some(0),
            Some(1) => None,
            Some(position) => Some(position - 1),
        };
        let writes = random_writes(&mut self.random, &self.pairs, 8);
        let batch = Batch { writes, offsets: vec![self.step(stale, 1000)] };
        assert!(matches!(writer.ingest(lane, batch).await, Err(Error::Fenced(_))));
    }

    fn step(&self, from: Option<i64>, next: i64) -> rating::batch::Advance {
        let mut step = advance(i32::try_from(self.number).unwrap(), from, next);
        step.partition.topic = self.pairs[0].0.record_id.to_string();
        step
    }
}

pub(crate) async fn concurrent_writers_agree_with_the_model(stores: &Stores) {
    for seed in seeds() {
        run_concurrently(stores, &seed).await;
    }
}

async fn run_concurrently(stores: &Stores, seed: &Seed) {
    let stop = CancellationToken::new();
    let start = |store: &Store| Writer::start(Arc::clone(&store.batches), &stop);
    let writers: Arc<[Writer]> = stores.instances.iter().map(start).collect();
    let pairs = all_pairs(seed.0);
    let owners = (0..OWNERS).map(|number| Owner {
        number,
        random: StdRng::seed_from_u64(seed.0 ^ number as u64),
        pairs: pairs.iter().skip(number).step_by(OWNERS).cloned().collect(),
        model: Model::default(),
        position: None,
    });
    let running: Vec<_> =
        owners.map(|owner| tokio::spawn(owner.run(Arc::clone(&writers), stores.steps))).collect();
    let watching = tokio::spawn(watch(Arc::clone(&stores.instances[0].ratings), pairs.clone(), stop.clone()));

    let mut whole = Model::default();
    for owner in running {
        let owner = owner.await.unwrap();
        whole.ratings.extend(owner.model.ratings);
        for (record, revisions) in owner.model.revisions {
            *whole.revisions.entry(record).or_default() += revisions;
        }
    }
    stop.cancel();
    for writer in &*writers {
        writer.ended().await;
    }
    watching.await.unwrap();
    stores.settle().await;
    whole.check(&*stores.first().ratings, &pairs).await;
}

/// Several transactions that each bring the same new names, every one in an order of its own: none may wait for
/// another in a circle, and each rating is new to one of them alone.
pub(crate) async fn transactions_that_meet_at_new_names_agree(stores: &Stores) {
    for seed in seeds() {
        let mut random = StdRng::seed_from_u64(seed.0);
        for round in 0..stores.steps as u64 / 10 {
            let pairs = all_pairs(seed.0.wrapping_add(round));
            let puts = |random: &mut StdRng| {
                let mut writes: Vec<Write> = pairs.iter().map(|pair| put(pair, 7)).collect();
                writes.shuffle(random);
                Batch::of(writes)
            };
            let applying: Vec<_> = (0..8)
                .map(|i| {
                    let store = stores.instances[i % stores.instances.len()].clone();
                    let (lane, batch) =
                        (i / stores.instances.len() % store.batches.lanes(), puts(&mut random));
                    tokio::spawn(async move { store.batches.apply(lane, &batch).await.unwrap() })
                })
                .collect();
            let mut created = 0;
            for applied in applying {
                let outcomes = applied.await.unwrap();
                created += outcomes.iter().filter(|outcome| **outcome == Outcome::Created).count();
            }
            assert_eq!(created, pairs.len());
            for (record, _) in pairs.iter().step_by(USERS) {
                let aggregate = stores.first().ratings.get_aggregate(record).await.unwrap().unwrap();
                assert_eq!((aggregate.histogram.count(), aggregate.revision), (USERS as u64, USERS as u64));
            }
        }
    }
}

/// Reads while others write: what is seen never goes back and is one state, not parts of two.
async fn watch(store: Arc<dyn Ratings>, pairs: Vec<Pair>, stop: CancellationToken) {
    let mut seen: HashMap<&Record, u64> = HashMap::new();
    while !stop.is_cancelled() {
        for (record, _) in &pairs {
            if let Some(aggregate) = store.get_aggregate(record).await.unwrap() {
                let last = seen.entry(record).or_default();
                assert!(*last <= aggregate.revision, "{record:?} went back from {last}");
                *last = aggregate.revision;
                let weighted = Prior::default().weighted_mean(&aggregate.histogram);
                assert_eq!(aggregate.weighted_mean.to_bits(), weighted.to_bits());
            }
            tokio::task::yield_now().await;
        }
        let best = store
            .list_top_rated(TopRated {
                record_type: &RecordType::movie(),
                min_count: 1,
                after: None,
                limit: pairs.len(),
            })
            .await
            .unwrap();
        assert!(best.iter().map(|aggregate| aggregate.weighted_mean).is_sorted_by(|a, b| a >= b));
        for aggregate in &best {
            let last = seen.get(&aggregate.record).copied().unwrap_or_default();
            assert!(
                last <= aggregate.revision,
                "{:?} among the best went back from {last}",
                aggregate.record
            );
        }
    }
}
