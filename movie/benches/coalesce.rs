//! What does merging cost a single read, compared with a direct call to a service that responds immediately, for as many
//! simultaneous readers as a worker may have?
//!
//! `cargo bench -p movie --bench coalesce` prints the time and the reads per second. `alike` readers read the same
//! record, the others one each. Not measured: the calls that merging saves, and threads that read at the same time, as
//! each worker has its own coalescer.

#![expect(clippy::expect_used, reason = "a failed bench may end by a panic")]

use criterion::{BenchmarkId, Criterion, Throughput};
use futures::future::join_all;
use model::RecordId;
use movie::gateway::Error;
use movie::gateway::coalesce::{Coalescer, Counts, Source};
use prometheus_client::registry::Registry;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::task::yield_now;
use tokio::time::Instant;

/// Responds after the other tasks have been polled.
struct Immediate;

impl Source for Immediate {
    type Value = RecordId;
    const SERVICE: &'static str = "bench";

    fn id(value: &RecordId) -> &RecordId {
        value
    }

    async fn get(&self, id: &RecordId, _: Instant) -> Result<Option<RecordId>, Error> {
        yield_now().await;
        Ok(Some(id.clone()))
    }

    async fn batch_get(&self, ids: &[RecordId], _: Instant) -> Result<Vec<RecordId>, Error> {
        yield_now().await;
        Ok(ids.to_vec())
    }
}

fn main() {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let [counts] = Counts::register(&mut Registry::default(), ["bench"]);
    let merged = Coalescer::new(Immediate, Duration::from_millis(5), counts);
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("coalesce");
    for readers in [1, 8, 64, 500] {
        let ids: Vec<_> =
            (0..readers).map(|id| RecordId::new(id.to_string()).expect("a number is an id")).collect();
        let alike = vec![ids[0].clone(); readers];
        let soon = || Instant::now() + Duration::from_secs(2);
        group.throughput(Throughput::Elements(readers as u64));
        group.bench_function(BenchmarkId::new("direct", readers), |bencher| {
            bencher.to_async(&runtime).iter(|| join_all(ids.iter().map(|id| Immediate.get(id, soon()))));
        });
        for (name, ids) in [("merged", &ids), ("alike", &alike)] {
            group.bench_function(BenchmarkId::new(name, readers), |bencher| {
                bencher.to_async(&runtime).iter(|| join_all(ids.iter().map(|id| merged.read(id, soon()))));
            });
        }
    }
    group.finish();
    criterion.final_summary();
}
