//! Batches against a service that is slow, fails or stays silent as a seed says, and that counts what it is
//! asked.

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

const PATIENCE: Duration = Duration::from_millis(5);

/// Knows the ids that are even numbers. `refused` and those that begin with `poison` can't be answered, alone or in a
/// batch, and `panic` ends the call that asks for it.
#[derive(Default)]
struct Numbers {
    /// How long each call takes, by its place; 1 ms after the last.
    delays: Vec<Duration>,
    /// Whether each call finds nobody, by its place; no after the last.
    down: Vec<bool>,
    calls: AtomicUsize,
    /// The sizes of the calls that were made.
    sizes: Mutex<Vec<usize>>,
    /// What all numbers are at present.
    version: AtomicUsize,
    /// How many calls of 100 fail, whatever they ask for.
    fails: AtomicUsize,
    /// Whether what was poisoned is a number like any other.
    cured: AtomicBool,
    distortion: Mutex<Option<Distortion>>,
}

/// What happens to the rows of each response.
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
        let place = self.calls.fetch_add(1, Ordering::SeqCst);
        assert!(ids.len() <= MAX_BATCH, "{} ids", ids.len());
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "an id is asked for twice");
        self.sizes.lock().unwrap().push(ids.len());
        let delay = self.delays.get(place).copied().unwrap_or(Duration::from_millis(1));
        timeout_at(deadline, sleep(delay)).await.map_err(|_| Error::Late { service: "numbers" })?;
        if self.down.get(place).copied().unwrap_or_default() {
            return Err(Error::unavailable("numbers", "nobody there"));
        }
        if place * 37 % 100 < self.fails.load(Ordering::SeqCst) {
            return Err(Error::failed("numbers", "failing"));
        }
        let is_cured = self.cured.load(Ordering::SeqCst);
        let asks_for = |name| !is_cured && ids.iter().any(|id| id.as_str().starts_with(name));
        assert!(!asks_for("panic"), "it was told to");
        if asks_for("refused") {
            return Err(Error::Refused(Invalid::field("id", "is not to my taste")));
        }
        if asks_for("poison") {
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
    on_a_worker(&Arc::new(numbers))
}

fn on_a_worker(numbers: &Arc<Numbers>) -> Merged {
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

/// A read whose batch has left when this returns.
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
async fn a_lone_read_leaves_at_once_and_those_behind_it_go_together() {
    let numbers = merged(Numbers::default());
    let answers = read_all(&numbers, &[id(2), id(4), id(5), id(4)]).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, [found(2), found(4), None, found(4)]);
    // All four are there before the first batch's task runs.
    assert_eq!(*numbers.source.sizes.lock().unwrap(), [3]);

    let first = left(&numbers, 2, soon()).await;
    read_all(&numbers, &[id(6), id(8)]).await;
    first.await.unwrap().unwrap();
    assert_eq!(*numbers.source.sizes.lock().unwrap(), [3, 1, 2]);
    assert_eq!(numbers.counts.reads.get(), 7);
}

#[tokio::test(start_paused = true)]
async fn who_comes_while_a_batch_is_answered_gets_on_the_next() {
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
        // As a connection reads a request, and its handler a record.
        tokio::spawn(comes).await.unwrap()
    });
    assert_eq!((waits.await.unwrap(), comes.await.unwrap()), (found(4), found(6)));
    first.await.unwrap().unwrap();
    assert_eq!(*numbers.source.sizes.lock().unwrap(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_read_of_an_id_that_is_under_way_is_answered_by_the_next_batch() {
    let numbers = merged(Numbers::default());
    let first = left(&numbers, 2, soon()).await;
    numbers.source.version.store(1, Ordering::SeqCst);
    assert_eq!(numbers.read(&id(2), soon()).await.unwrap().unwrap().version, 1);
    assert_eq!(first.await.unwrap().unwrap().unwrap().version, 0);
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_id_fails_alone() {
    for (poison, kind) in [("poison", Kind::Internal), ("refused", Kind::InvalidArgument)] {
        let numbers = merged(Numbers::default());
        let answers = read_all(&numbers, &[id(2), id(poison), id(3), id(poison)]).await;
        assert_eq!(answers[0].as_ref().unwrap(), &found(2));
        assert_eq!(answers[2].as_ref().unwrap(), &None);
        for refused in [&answers[1], &answers[3]] {
            assert_eq!(refused.as_ref().unwrap_err().kind(), kind);
        }
        assert_eq!(*numbers.source.sizes.lock().unwrap(), [3, 1, 1, 1]);
        assert_eq!(numbers.counts.failed.get(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_behind_a_call_that_hangs_waits_no_longer_than_the_patience() {
    let numbers = merged(Numbers { delays: vec![Duration::from_secs(10)], ..Numbers::default() });
    let hanging = left(&numbers, 2, soon()).await;
    let began = Instant::now();
    assert_eq!(numbers.read(&id(4), soon()).await.unwrap(), found(4));
    assert!(began.elapsed() < PATIENCE * 2, "{:?}", began.elapsed());
    assert_eq!(numbers.counts.overdue.get(), 1);
    // The next one waits for nobody.
    let began = Instant::now();
    assert_eq!(numbers.read(&id(4), soon()).await.unwrap(), found(4));
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    assert_eq!(hanging.await.unwrap().unwrap_err().kind(), Kind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn each_reader_of_a_batch_keeps_a_deadline_of_his_own() {
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
async fn who_hangs_up_cancels_nothing_and_is_not_asked_for_afterwards() {
    let numbers = merged(Numbers::default());
    let first = left(&numbers, 2, soon()).await;
    let (gone, stays) = (id("poison"), id(4));
    let hangs_up = async { timeout(Duration::ZERO, numbers.read(&gone, soon())).await.is_err() };
    let (hung_up, stayed) = tokio::join!(hangs_up, numbers.read(&stays, soon()));
    assert!(hung_up);
    assert_eq!(stayed.unwrap(), found(4));
    first.await.unwrap().unwrap();
    assert_eq!(*numbers.source.sizes.lock().unwrap(), [1, 1]);

    // The one whose read began the batch is gone before it is answered.
    let first = left(&numbers, 2, soon()).await;
    let second = numbers.read(&stays, soon());
    first.abort();
    assert_eq!(second.await.unwrap(), found(4));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_panics_takes_down_nobody_but_its_own() {
    let numbers = merged(Numbers::default());
    let answers = read_all(&numbers, &[id(2), id("panic")]).await;
    assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(|error| error.kind() == Kind::Internal)));
    assert_eq!(numbers.read(&id(4), soon()).await.unwrap(), found(4));
}

#[tokio::test(start_paused = true)]
async fn more_ids_than_a_batch_takes_go_in_several_at_once() {
    let numbers = merged(Numbers::default());
    let ids: Vec<RecordId> = (0..1200).map(id).collect();
    let began = Instant::now();
    let known = read_all(&numbers, &ids).await.into_iter().filter(|answer| matches!(answer, Ok(Some(_))));
    assert_eq!(known.count(), 600);
    assert_eq!(*numbers.source.sizes.lock().unwrap(), [500, 500, 200]);
    assert!(began.elapsed() < Duration::from_millis(3));
}
