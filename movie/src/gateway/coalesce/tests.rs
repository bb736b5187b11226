//! Merged reads of a service that is slow, fails or stays silent, and that counts its calls.

use super::*;
use fault::{Fault, Invalid, Kind};
use model::MAX_BATCH;
use prometheus_client::registry::Registry;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::task::JoinHandle;
use tokio::time::sleep;

mod failing;
mod random;
mod traced;

const PATIENCE: Duration = Duration::from_millis(5);

/// A service that has the ids that are even numbers. A call with `refused`, or with an id that begins with `poison`,
/// fails; a call with `panic` panics.
#[derive(Default)]
struct Numbers {
    /// The duration of each call, in order; 1 ms for all others.
    delays: Vec<Duration>,
    /// Whether the service is unreachable for each call, in order; not for all others.
    down: Vec<bool>,
    calls: AtomicUsize,
    /// The sizes of the calls that were made.
    sizes: Mutex<Vec<usize>>,
    /// The current version of all numbers.
    version: AtomicUsize,
    /// The number of calls of 100 that fail, whatever their ids.
    fails: AtomicUsize,
    /// Whether poisoned ids are found like any other.
    cured: AtomicBool,
    distortion: Mutex<Option<Distortion>>,
}

/// A change to the rows of each response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Distortion {
    Reverse,
    Foreign,
    Repeat,
    Rename,
}

impl Distortion {
    fn apply(self, rows: &mut Vec<Number>) {
        let Some(mut first) = rows.first().cloned() else { return };
        match self {
            Self::Reverse => rows.reverse(),
            Self::Foreign => {
                first.id = id("foreign");
                rows.push(first);
            }
            Self::Repeat => rows.push(first),
            Self::Rename => rows[0].id = id("foreign"),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Number {
    id: RecordId,
    version: usize,
}

impl Numbers {
    async fn call(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Number>, Error> {
        let version = self.version.load(Ordering::SeqCst);
        let index = self.calls.fetch_add(1, Ordering::SeqCst);
        assert!(ids.len() <= MAX_BATCH, "{} ids", ids.len());
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "an id is requested twice");
        self.sizes.lock().unwrap().push(ids.len());
        let delay = self.delays.get(index).copied().unwrap_or(Duration::from_millis(1));
        timeout_at(deadline, sleep(delay)).await.map_err(|_| Error::Late { service: "numbers" })?;
        if self.down.get(index).copied().unwrap_or_default() {
            return Err(Error::unavailable("numbers", "connection refused"));
        }
        if index * 37 % 100 < self.fails.load(Ordering::SeqCst) {
            return Err(Error::failed("numbers", "failing"));
        }
        let is_cured = self.cured.load(Ordering::SeqCst);
        let has = |name| !is_cured && ids.iter().any(|id| id.as_str().starts_with(name));
        assert!(!has("panic"), "a panic as requested");
        if has("refused") {
            return Err(Error::Refused(Invalid::field("id", "is rejected")));
        }
        if has("poison") {
            return Err(Error::failed("numbers", "poisoned"));
        }
        let known = |id: &&RecordId| {
            let name = id.as_str();
            is_cured && name.starts_with("poison") || name.parse::<u32>().is_ok_and(|number| number % 2 == 0)
        };
        let mut rows = ids.iter().filter(known).map(|id| Number { id: id.clone(), version }).collect();
        if let Some(distortion) = *self.distortion.lock().unwrap() {
            distortion.apply(&mut rows);
        }
        Ok(rows)
    }
}

impl Source for Arc<Numbers> {
    type Value = Number;
    const SERVICE: &'static str = "numbers";

    fn id(value: &Number) -> &RecordId {
        &value.id
    }

    async fn get(&self, id: &RecordId, deadline: Instant) -> Result<Option<Number>, Error> {
        Ok(self.call(std::slice::from_ref(id), deadline).await?.pop())
    }

    async fn batch_get(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Number>, Error> {
        self.call(ids, deadline).await
    }
}

type Merged = Arc<Coalescer<Arc<Numbers>>>;

fn merged(numbers: Numbers) -> Merged {
    on_worker(&Arc::new(numbers))
}

fn on_worker(numbers: &Arc<Numbers>) -> Merged {
    let [counts] = Counts::register(&mut Registry::default(), ["numbers"]);
    Coalescer::new(numbers.clone(), PATIENCE, counts)
}

fn id(text: impl ToString) -> RecordId {
    RecordId::new(text.to_string()).unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(2)
}

fn found(text: impl ToString) -> Option<Number> {
    Some(Number { id: id(text), version: 0 })
}

async fn read_all(numbers: &Merged, ids: &[RecordId]) -> Vec<Result<Option<Number>, Error>> {
    join_all(ids.iter().map(|id| numbers.read(id, soon()))).await
}

/// Starts a read and waits until its batch has left.
async fn left(
    numbers: &Merged,
    text: impl ToString,
    deadline: Instant,
) -> JoinHandle<Result<Option<Number>, Error>> {
    let (numbers, id) = (numbers.clone(), id(text));
    let calls = numbers.source.calls.load(Ordering::SeqCst);
    let reading = tokio::spawn({
        let numbers = numbers.clone();
        async move { numbers.read(&id, deadline).await }
    });
    while numbers.source.calls.load(Ordering::SeqCst) == calls {
        tokio::task::yield_now().await;
    }
    reading
}

#[tokio::test(start_paused = true)]
async fn lone_read_leaves_immediately_and_later_reads_leave_together() {
    let numbers = merged(Numbers::default());
    let results = read_all(&numbers, &[id(2), id(4), id(5), id(4)]).await;
    let results: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!(results, [found(2), found(4), None, found(4)]);
    // All four are enqueued before the task of the first batch runs.
    assert_eq!(*numbers.source.sizes.lock().unwrap(), [3]);

    let first = left(&numbers, 2, soon()).await;
    read_all(&numbers, &[id(6), id(8)]).await;
    first.await.unwrap().unwrap();
    assert_eq!(*numbers.source.sizes.lock().unwrap(), [3, 1, 2]);
    assert_eq!(numbers.counts.reads.get(), 7);
}

#[tokio::test(start_paused = true)]
async fn read_during_batch_joins_next_batch() {
    let numbers = merged(Numbers::default());
    let read = |number| {
        let numbers = numbers.clone();
        async move { numbers.read(&id(number), soon()).await.unwrap() }
    };
    let first = left(&numbers, 2, soon()).await;
    let waits = tokio::spawn(read(4));
    let comes = read(6);
    let comes = tokio::spawn(async {
        sleep(Duration::from_millis(1)).await;
        // Like a connection that reads a request whose handler reads a record.
        tokio::spawn(comes).await.unwrap()
    });
    assert_eq!((waits.await.unwrap(), comes.await.unwrap()), (found(4), found(6)));
    first.await.unwrap().unwrap();
    assert_eq!(*numbers.source.sizes.lock().unwrap(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn read_of_id_in_flight_gets_result_of_next_batch() {
    let numbers = merged(Numbers::default());
    let first = left(&numbers, 2, soon()).await;
    numbers.source.version.store(1, Ordering::SeqCst);
    assert_eq!(numbers.read(&id(2), soon()).await.unwrap().unwrap().version, 1);
    assert_eq!(first.await.unwrap().unwrap().unwrap().version, 0);
}

#[tokio::test(start_paused = true)]
async fn failing_id_fails_alone() {
    for (poison, kind) in [("poison", Kind::Internal), ("refused", Kind::InvalidArgument)] {
        let numbers = merged(Numbers::default());
        let results = read_all(&numbers, &[id(2), id(poison), id(3), id(poison)]).await;
        assert_eq!(results[0].as_ref().unwrap(), &found(2));
        assert_eq!(results[2].as_ref().unwrap(), &None);
        for refused in [&results[1], &results[3]] {
            assert_eq!(refused.as_ref().unwrap_err().kind(), kind);
        }
        assert_eq!(*numbers.source.sizes.lock().unwrap(), [3, 1, 1, 1]);
        assert_eq!(numbers.counts.failed.get(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn hanging_call_delays_next_batch_by_patience_at_most() {
    let numbers = merged(Numbers { delays: vec![Duration::from_secs(10)], ..Numbers::default() });
    let hanging = left(&numbers, 2, soon()).await;
    let began = Instant::now();
    assert_eq!(numbers.read(&id(4), soon()).await.unwrap(), found(4));
    assert!(began.elapsed() < PATIENCE * 2, "{:?}", began.elapsed());
    assert_eq!(numbers.counts.overdue.get(), 1);
    // The next one does not wait.
    let began = Instant::now();
    assert_eq!(numbers.read(&id(4), soon()).await.unwrap(), found(4));
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    assert_eq!(hanging.await.unwrap().unwrap_err().kind(), Kind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn readers_of_one_batch_keep_their_deadlines() {
    let numbers = merged(Numbers { delays: vec![Duration::from_millis(100)], ..Numbers::default() });
    let began = Instant::now();
    let (two, four) = (id(2), id(4));
    let hurried = numbers.read(&two, began + Duration::from_millis(20));
    let (hurried, patient, other) =
        tokio::join!(hurried, numbers.read(&two, soon()), numbers.read(&four, soon()));
    assert_eq!(hurried.unwrap_err().kind(), Kind::Timeout);
    assert_eq!((patient.unwrap(), other.unwrap()), (found(2), found(4)));
    assert_eq!(*numbers.source.sizes.lock().unwrap(), [2]);
}

#[tokio::test(start_paused = true)]
async fn cancelled_read_cancels_no_other_and_is_dropped_before_call() {
    let numbers = merged(Numbers::default());
    let first = left(&numbers, 2, soon()).await;
    let (gone, stays) = (id("poison"), id(4));
    let hangs_up = async { timeout(Duration::ZERO, numbers.read(&gone, soon())).await.is_err() };
    let (hung_up, stayed) = tokio::join!(hangs_up, numbers.read(&stays, soon()));
    assert!(hung_up);
    assert_eq!(stayed.unwrap(), found(4));
    first.await.unwrap().unwrap();
    assert_eq!(*numbers.source.sizes.lock().unwrap(), [1, 1]);

    // The read that spawned the dispatch task is cancelled before its batch ends.
    let first = left(&numbers, 2, soon()).await;
    let second = numbers.read(&stays, soon());
    first.abort();
    assert_eq!(second.await.unwrap(), found(4));
}

#[tokio::test(start_paused = true)]
async fn panic_of_batch_fails_its_readers_only() {
    let numbers = merged(Numbers::default());
    let results = read_all(&numbers, &[id(2), id("panic")]).await;
    assert!(results.iter().all(|result| result.as_ref().is_err_and(|error| error.kind() == Kind::Internal)));
    assert_eq!(numbers.read(&id(4), soon()).await.unwrap(), found(4));
}

#[tokio::test(start_paused = true)]
async fn ids_above_limit_leave_in_several_simultaneous_batches() {
    let numbers = merged(Numbers::default());
    let ids: Vec<RecordId> = (0..1200).map(id).collect();
    let began = Instant::now();
    let known = read_all(&numbers, &ids).await.into_iter().filter(|result| matches!(result, Ok(Some(_))));
    assert_eq!(known.count(), 600);
    assert_eq!(*numbers.source.sizes.lock().unwrap(), [500, 500, 200]);
    assert!(began.elapsed() < Duration::from_millis(3));
}
