//! For how long should a batch delay the reads behind it, before the next batch leaves without waiting for it?
//!
//! `cargo bench -p movie --bench patience` prints, for each patience and for services that are fast, slow or partly
//! slow, the latency of 5,000 reads per second on one worker, the calls to the service, and the maximum number of calls
//! in flight. Time is simulated, so that the figures are the same on every machine. Not measured: processor time.

#![expect(clippy::expect_used, reason = "a failed bench may end by a panic")]
#![expect(clippy::print_stdout, reason = "it prints its figures")]

use model::RecordId;
use movie::gateway::Error;
use movie::gateway::coalesce::{Coalescer, Counts, Source};
use prometheus_client::registry::Registry;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep, sleep_until};

/// One simulated millisecond in milliseconds of the runtime's clock.
const MILLISECOND: f64 = 1.0;

const READS: u32 = 20_000;
const READS_A_MILLISECOND: f64 = 5.0;
const DEADLINE: f64 = 1900.0;

/// A service: its name, the duration of most calls in milliseconds, the duration of the others, and one of how many
/// calls these are.
const SERVICES: [(&str, f64, f64, u32); 4] = [
    ("quick", 0.5, 0.5, 1),
    ("1 call in 100 silent for 500 ms", 0.5, 500.0, 100),
    ("8 ms each", 8.0, 8.0, 1),
    ("200 ms each", 200.0, 200.0, 1),
];

const PATIENCES: [Option<f64>; 7] =
    [Some(0.0), Some(1.0), Some(2.0), Some(5.0), Some(10.0), Some(20.0), None];

fn time(milliseconds: f64) -> Duration {
    Duration::from_secs_f64(milliseconds * MILLISECOND)
}

struct Service {
    most: f64,
    others: f64,
    one_in: u32,
    random: Mutex<StdRng>,
    calls: AtomicUsize,
    in_flight: AtomicUsize,
    at_most: AtomicUsize,
}

impl Service {
    async fn call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.at_most.fetch_max(in_flight, Ordering::Relaxed);
        let other = self.random.lock().expect("nobody panics").random_ratio(1, self.one_in);
        sleep(time(if other { self.others } else { self.most })).await;
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Source for Service {
    type Value = RecordId;
    const SERVICE: &'static str = "simulated";

    fn id(value: &RecordId) -> &RecordId {
        value
    }

    async fn get(&self, id: &RecordId, _: Instant) -> Result<Option<RecordId>, Error> {
        self.call().await;
        Ok(Some(id.clone()))
    }

    async fn batch_get(&self, ids: &[RecordId], _: Instant) -> Result<Vec<RecordId>, Error> {
        self.call().await;
        Ok(ids.to_vec())
    }
}

/// Sends reads at random times; returns their latencies in milliseconds, the shortest first.
async fn latencies(reads: Arc<Coalescer<Service>>) -> Vec<f64> {
    let mut random = StdRng::seed_from_u64(1);
    let mut due = Instant::now();
    let mut readers = Vec::new();
    for number in 0..READS {
        // The time between two of many independent readers.
        due += time(-(1.0 - random.random::<f64>()).ln() / READS_A_MILLISECOND);
        let id = RecordId::new(number.to_string()).expect("a number is an id");
        let (reads, due) = (reads.clone(), due);
        readers.push(tokio::spawn(async move {
            sleep_until(due).await;
            // A read that was late shows it by its latency.
            let _ = reads.read(&id, due + time(DEADLINE)).await;
            due.elapsed().as_secs_f64() / MILLISECOND
        }));
    }
    let mut latencies = Vec::new();
    for reader in readers {
        latencies.push(reader.await.expect("no reader panics"));
    }
    latencies.sort_by(f64::total_cmp);
    latencies
}

fn main() {
    for (name, most, others, one_in) in SERVICES {
        println!("\n{name}");
        println!(
            "{:>10} {:>8} {:>8} {:>8} {:>16} {:>10}",
            "patience", "p50 ms", "p99 ms", "max ms", "calls/100 reads", "at most"
        );
        for patience in PATIENCES {
            let service = Service {
                most,
                others,
                one_in,
                random: Mutex::new(StdRng::seed_from_u64(2)),
                calls: AtomicUsize::new(0),
                in_flight: AtomicUsize::new(0),
                at_most: AtomicUsize::new(0),
            };
            let [counts] = Counts::register(&mut Registry::default(), ["simulated"]);
            let reads = Coalescer::new(service, patience.map_or(Duration::MAX, time), counts);
            let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
            let latencies = runtime.expect("a runtime").block_on(latencies(reads.clone()));
            let share = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
            let patience = patience.map_or("none".to_owned(), |patience| format!("{patience} ms"));
            let calls = reads.source().calls.load(Ordering::Relaxed) as f64 * 100.0 / f64::from(READS);
            let at_most = reads.source().at_most.load(Ordering::Relaxed);
            let (half, most, all) = (share(0.5), share(0.99), share(1.0));
            println!("{patience:>10} {half:>8.2} {most:>8.2} {all:>8.2} {calls:>16.1} {at_most:>10}");
        }
    }
}
