//! What does merging single reads cost a read, for as many readers at once as a worker may have, beside asking
//! a service that answers at once directly?
//!
//! `cargo bench -p movie --bench coalesce` prints the time and the reads a second. `alike` readers want one
//! record, the others one each. The call that merging saves is not measured, nor are threads that read at the
//! same time: a worker has its own.

#![expect(clippy::expect_used, reason = "a bench that can't go on ends")]

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

/// Answers after the other tasks had their turn.
struct AtOnce;

impl Source for AtOnce {
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
    let merged = Coalescer::new(AtOnce, Duration::from_millis(5), counts);
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("coalesce");
    for readers in [1, 8, 64, 500] {
        let ids: Vec<_> =
            (0..readers).map(|id| RecordId::new(id.to_string()).expect("a number is an id")).collect();
        let alike = vec![ids[0].clone(); readers];
        let soon = || Instant::now() + Duration::from_secs(2);
        group.throughput(Throughput::Elements(readers as u64));
        group.bench_function(BenchmarkId::new("direct", readers), |bencher| {
            bencher.to_async(&runtime).iter(|| join_all(ids.iter().map(|id| AtOnce.get(id, soon()))));
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
