//! Reads on two workers at random times, checked against the results of separate calls.

use super::*;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use std::thread;

/// Reads start at random times and some are cancelled; calls take up to 40 ms, some cannot reach the service, and the
/// data changes all the time. Every result must be that of a separate call at that time, an outage must affect only the
/// reads whose call met it, no read may be lost, and there must be far fewer calls than reads.
#[test]
fn merged_reads_match_separate_calls_on_two_workers() {
    for seed in 0..40 {
        let mut random = StdRng::seed_from_u64(seed);
        let delays = (0..2000).map(|_| Duration::from_micros(random.random_range(0..40_000))).collect();
        let down: Vec<bool> = (0..2000).map(|_| random.random_ratio(1, 20)).collect();
        let numbers = Arc::new(Numbers { delays, down, ..Numbers::default() });
        let down: usize = thread::scope(|scope| {
            let work = |worker| {
                let (numbers, random) = (on_worker(&numbers), StdRng::seed_from_u64(seed * 2 + worker));
                move || {
                    let mut runtime = tokio::runtime::Builder::new_current_thread();
                    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
                    runtime.block_on(work(numbers, random, seed))
                }
            };
            let workers: Vec<_> = (0..2).map(|worker| scope.spawn(work(worker))).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        let calls = numbers.calls.load(Ordering::SeqCst);
        assert!(down < 400, "seed {seed}: {down} of 800 reads met an outage");
        assert!(calls < 600, "seed {seed}: {calls} calls");
    }
}

/// Runs 400 reads on one worker; returns the number that met an outage.
async fn work(numbers: Merged, mut random: StdRng, seed: u64) -> usize {
    let readers: Vec<_> = (0..400)
        .map(|_| {
            let (name, start) = (name(&mut random), Duration::from_micros(random.random_range(0..100_000)));
            let patience = Duration::from_millis(random.random_range(1..400));
            let hangs_up = random.random_ratio(1, 10);
            let numbers = numbers.clone();
            tokio::spawn(async move {
                sleep(start).await;
                let id = id(&name);
                if hangs_up {
                    let _ = timeout(Duration::from_millis(1), numbers.read(&id, soon())).await;
                    return 0;
                }
                let deadline = Instant::now() + patience;
                let version = numbers.source.version.fetch_add(1, Ordering::SeqCst);
                let result = numbers.read(&id, deadline).await;
                assert!(Instant::now() <= deadline + Duration::from_millis(1), "seed {seed}: late");
                check(&name, result, version, deadline, seed)
            })
        })
        .collect();
    let down = join_all(readers).await.into_iter().map(Result::unwrap).sum();
    assert!(!numbers.pending().has_dispatcher, "seed {seed}: the dispatch task is still running");
    down
}

fn name(random: &mut impl Rng) -> String {
    match random.random_range(0..100) {
        0 => "poison".to_owned(),
        1 => "refused".to_owned(),
        _ => random.random_range(0..60).to_string(),
    }
}

/// Checks a result against the model; returns 1 if the call met an outage.
fn check(
    name: &str,
    result: Result<Option<Number>, Error>,
    version: usize,
    deadline: Instant,
    seed: u64,
) -> usize {
    let expected = match name {
        "poison" => Kind::Internal,
        "refused" => Kind::InvalidArgument,
        _ => Kind::NotFound,
    };
    match result {
        Ok(found) => {
            let known = name.parse::<u32>().is_ok_and(|number| number % 2 == 0);
            assert_eq!((expected, found.is_some()), (Kind::NotFound, known), "seed {seed}: {name}");
            if let Some(number) = found {
                assert_eq!(number.id.as_str(), name, "seed {seed}");
                assert!(number.version > version, "seed {seed}: older than the read");
            }
            0
        }
        Err(Error::Unavailable { .. }) => 1,
        Err(Error::Late { .. }) => {
            assert!(Instant::now() >= deadline, "seed {seed}: gave up early");
            0
        }
        Err(error) => {
            assert_eq!(error.kind(), expected, "seed {seed}: {name}: {error}");
            0
        }
    }
}
