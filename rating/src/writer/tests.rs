//! The writer on a store that a test can block.

mod traced;

use super::*;
use crate::batch::{Advance, Partition, Position};
use crate::repository;
use async_trait::async_trait;
use model::{Prior, Rating, RecordId, RecordType, Timestamp, UserId, Value};
use std::borrow::Cow;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::sync::Semaphore;

/// A store with one lane that applies a batch only if the test permits it, and records the size of each.
#[derive(Debug)]
struct Gated {
    gate: Semaphore,
    sizes: Mutex<Vec<usize>>,
    fail: bool,
    /// The users whose writes are rejected.
    rejected: Vec<UserId>,
    /// How many more batches are rolled back because of a conflict.
    conflicts: AtomicU64,
}

/// A conflict as PostgreSQL reports it.
#[derive(Debug, thiserror::Error)]
#[error("deadlock detected")]
struct Deadlock;

impl sqlx::error::DatabaseError for Deadlock {
    fn message(&self) -> &str {
        "deadlock detected"
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some("40P01".into())
    }

    fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> sqlx::error::ErrorKind {
        sqlx::error::ErrorKind::Other
    }
}

#[async_trait]
impl Batches for Gated {
    fn lanes(&self) -> usize {
        1
    }

    async fn apply(&self, _lane: usize, batch: &Batch) -> Result<Vec<Outcome>, repository::Error> {
        self.sizes.lock().unwrap().push(batch.writes.len());
        self.gate.acquire().await.unwrap().forget();
        if self.fail {
            return Err(sqlx::Error::WorkerCrashed.into());
        }
        let conflicts = self.conflicts.load(Ordering::Relaxed);
        if conflicts > 0 {
            self.conflicts.store(conflicts - 1, Ordering::Relaxed);
            return Err(sqlx::Error::Database(Box::new(Deadlock)).into());
        }
        if batch.writes.iter().any(|write| self.rejected.contains(write.user_id())) {
            return Err(storage::Error::Rejected(sqlx::Error::WorkerCrashed).into());
        }
        match batch.offsets.first() {
            Some(step) => Err(repository::Error::Fenced(step.partition.clone())),
            None => Ok(vec![Outcome::Created; batch.writes.len()]),
        }
    }

    async fn set_prior(&self, _: Prior) -> Result<(), repository::Error> {
        unreachable!("the writer only applies")
    }
}

struct Fixture {
    store: Arc<Gated>,
    writer: Writer,
    stop: CancellationToken,
}

impl Fixture {
    fn new(fail: bool) -> Self {
        Self::with(fail, &[], 0)
    }

    fn with(fail: bool, rejected: &[usize], conflicts: u64) -> Self {
        let rejected = rejected.iter().map(|&user| put(user).user_id().clone()).collect();
        let (gate, sizes) = (Semaphore::new(0), Mutex::default());
        let store = Arc::new(Gated { gate, sizes, fail, rejected, conflicts: conflicts.into() });
        let stop = CancellationToken::new();
        let writer = Writer::start(store.clone(), &stop);
        Self { store, writer, stop }
    }

    fn sizes(&self) -> Vec<usize> {
        self.store.sizes.lock().unwrap().clone()
    }

    /// Lets any number of batches through.
    fn open(&self) {
        self.store.gate.add_permits(1000);
    }

    fn call(&self, user: usize) -> Calling<Outcome> {
        let writer = self.writer.clone();
        tokio::spawn(async move { writer.write(put(user)).await })
    }

    fn ingest(&self, batch: Batch) -> Calling<Vec<Outcome>> {
        let writer = self.writer.clone();
        tokio::spawn(async move { writer.ingest(0, batch).await })
    }

    /// Waits until as many writes are queued, or being applied.
    async fn queued(&self, count: usize) {
        until(|| self.writer.queued(0) == count).await;
    }

    /// Starts a call and waits until it is being applied, all alone.
    async fn first_call(&self) -> Calling<Outcome> {
        let calling = self.call(0);
        until(|| self.sizes() == [1]).await;
        calling
    }
}

type Calling<T> = tokio::task::JoinHandle<Result<T, Error>>;

async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("it holds at last");
}

fn put(user: usize) -> Write {
    Write::Put(Rating {
        record: Record { record_type: RecordType::movie(), record_id: RecordId::new("1").unwrap() },
        user_id: UserId::new(format!("{user}")).unwrap(),
        value: Value::new(5).unwrap(),
        provider_id: None,
        rated_at: Timestamp::from_millis(0).unwrap(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_during_commit_share_next_batch() {
    let fixture = Fixture::new(false);
    let mut calling = vec![fixture.first_call().await];
    calling.extend((1..=10).map(|user| fixture.call(user)));
    fixture.queued(11).await;
    fixture.open();
    for call in calling {
        assert_eq!(call.await.unwrap().unwrap(), Outcome::Created);
    }
    assert_eq!(fixture.sizes(), [1, 10]);
    assert_eq!(fixture.writer.applied(), Applied { batches: 2, writes: 11 });
    fixture.queued(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_transaction_fails_all_its_callers() {
    let fixture = Fixture::new(true);
    let mut calling = vec![fixture.first_call().await];
    calling.extend((1..=3).map(|user| fixture.call(user)));
    fixture.queued(4).await;
    fixture.open();
    for call in calling {
        assert!(matches!(call.await.unwrap(), Err(Error::Storage(_))));
    }
    assert_eq!(fixture.sizes(), [1, 3]);
    assert_eq!(fixture.writer.applied(), Applied::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejected_write_fails_alone() {
    for rejected in [&[2][..], &[1, 8], &[3, 4, 5], &[1, 2, 3, 4, 5, 6, 7, 8]] {
        let fixture = Fixture::with(false, rejected, 0);
        let mut calling = vec![fixture.first_call().await];
        calling.extend((1..=8).map(|user| fixture.call(user)));
        fixture.queued(9).await;
        fixture.open();
        for (user, call) in calling.into_iter().enumerate() {
            match call.await.unwrap() {
                Ok(outcome) => assert_eq!((outcome, rejected.contains(&user)), (Outcome::Created, false)),
                Err(Error::Storage(error)) => assert!(error.is_rejection() && rejected.contains(&user)),
                Err(error) => panic!("{error:?}"),
            }
        }
        fixture.queued(0).await;
        assert!(fixture.sizes().len() <= 2 + 2 * 3 * rejected.len(), "{:?}", fixture.sizes());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conflict_is_retried_within_bounds() {
    for (conflicts, attempts) in [(1, 2), (3, 4), (1_000, 7)] {
        let fixture = Fixture::with(false, &[], conflicts);
        fixture.open();
        let outcome = fixture.call(1).await.unwrap();
        assert_eq!(outcome.is_ok(), conflicts < 1_000, "{outcome:?}");
        assert!(fixture.sizes().len() <= attempts, "{:?}", fixture.sizes());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caller_that_hangs_up_cancels_nothing() {
    let fixture = Fixture::new(false);
    let first = fixture.first_call().await;
    let calling: Vec<_> = (1..=3).map(|user| fixture.call(user)).collect();
    fixture.queued(4).await;
    first.abort();
    calling[1].abort();
    until(|| first.is_finished() && calling[1].is_finished()).await;
    fixture.open();
    for (i, call) in calling.into_iter().enumerate() {
        let result = call.await;
        assert_eq!(result.is_err(), i == 1);
    }
    assert_eq!(fixture.sizes(), [1, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_completes_queued_writes_and_rejects_new_ones() {
    let fixture = Fixture::new(false);
    let mut calling = vec![fixture.first_call().await];
    calling.extend((1..=3).map(|user| fixture.call(user)));
    fixture.queued(4).await;
    fixture.stop.cancel();
    fixture.open();
    fixture.writer.ended().await;
    for call in calling {
        assert_eq!(call.await.unwrap().unwrap(), Outcome::Created);
    }
    assert!(matches!(fixture.writer.write(put(9)).await, Err(Error::Stopped)));
    assert!(matches!(fixture.writer.ingest(0, Batch::default()).await, Err(Error::Stopped)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batch_is_its_own_transaction() {
    let fixture = Fixture::new(false);
    let first = fixture.first_call().await;
    let early = fixture.call(1);
    fixture.queued(2).await;
    let batch = fixture.ingest(Batch::of((0..5).map(put).collect()));
    fixture.queued(7).await;
    let late = [fixture.call(2), fixture.call(3)];
    fixture.queued(9).await;
    fixture.open();
    assert_eq!(batch.await.unwrap().unwrap(), [Outcome::Created; 5]);
    for call in [first, early].into_iter().chain(late) {
        call.await.unwrap().unwrap();
    }
    assert_eq!(fixture.sizes(), [1, 1, 5, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fenced_batch_names_its_partition() {
    let fixture = Fixture::new(false);
    fixture.open();
    let partition = Partition { cluster: "c".into(), topic: "t".into(), partition: 3 };
    let to = Position { next_offset: 1, skipped: 0, last_timestamp: 0, last_digest: 0 };
    let offsets = vec![Advance { partition: partition.clone(), from: None, to }];
    match fixture.writer.ingest(0, Batch { writes: Vec::new(), offsets }).await {
        Err(Error::Fenced(fenced)) => assert_eq!(fenced, partition),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caller_waits_while_queue_is_full() {
    let fixture = Fixture::new(false);
    let first = fixture.ingest(Batch::of(vec![put(0); 2 * CAPACITY as usize]));
    fixture.queued(CAPACITY as usize).await;
    let second = fixture.call(1);
    assert!(!second.is_finished());
    fixture.open();
    assert_eq!(first.await.unwrap().unwrap().len(), 2 * CAPACITY as usize);
    assert_eq!(second.await.unwrap().unwrap(), Outcome::Created);
    assert_eq!(fixture.sizes(), [2 * CAPACITY as usize, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_may_run_on_other_runtimes() {
    let fixture = Fixture::new(false);
    fixture.open();
    let writer = fixture.writer.clone();
    let other = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(writer.write(put(1)))
    });
    until(|| other.is_finished()).await;
    assert_eq!(other.join().unwrap().unwrap(), Outcome::Created);
}
