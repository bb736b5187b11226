//! How long does it take to pick an instance among 1, 10 and 1,000, among 1,000 of which half are ejected, and
//! among 1,000 of which 990 are new and none responds to its probe?
//!
//! `cargo bench -p client --bench pick` prints the figures; the limit among 1,000 is 200 ns. A pick is measured
//! together with releasing its lease. Not measured: reading the clock, the retry budget, the call itself, and
//! several threads that pick at the same time.

#![expect(clippy::expect_used, reason = "a bench that cannot go on ends")]

use client::{Event, Picker};
use criterion::{BenchmarkId, Criterion, Throughput};
use discovery::Instance;
use std::time::Duration;
use tokio::time::Instant;

/// Longer than the bench runs.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

fn picker(count: u16, now: Instant) -> Picker<u16> {
    let picker = Picker::default();
    join(&picker, count, now);
    picker
}

fn join(picker: &Picker<u16>, count: u16, now: Instant) {
    let instance = |port| Instance {
        service: "rating".into(),
        id: format!("rating-host-{port}"),
        host: "host".into(),
        port,
        tags: Vec::new(),
    };
    let instances: Vec<_> = (1..=count).map(instance).collect();
    picker.replace(&instances, |instance| instance.port, now);
}

fn eject(picker: &Picker<u16>, count: usize, now: Instant) {
    let mut ejected = Vec::new();
    for _ in 0..count {
        let lease = picker.pick(&ejected, now).expect("there are more");
        picker.record(&lease, Event::Failure, now + LONG);
        ejected.push(lease.endpoint().clone());
    }
}

fn main() {
    let now = Instant::now();
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("pick");
    group.throughput(Throughput::Elements(1));
    for (count, ejected) in [(1, 0), (10, 0), (1000, 0), (1000, 500)] {
        let picker = picker(count, now);
        eject(&picker, ejected, now);
        let name = if ejected == 0 { "healthy" } else { "half ejected" };
        group.bench_function(BenchmarkId::new(name, count), |bencher| {
            bencher.iter(|| picker.pick(&[], now).expect("there is one").endpoint().instance().port)
        });
    }
    let picker = picker(10, now);
    join(&picker, 1000, now);
    group.bench_function(BenchmarkId::new("mostly new", 1000), |bencher| {
        bencher.iter(|| picker.pick(&[], now).expect("there is one").endpoint().instance().port)
    });
    group.finish();
    criterion.final_summary();
}
