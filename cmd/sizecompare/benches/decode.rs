//! How long does it take to decode a record into owned values, format by format?
//!
//! `cargo bench -p sizecompare --bench decode` prints the times and the encoded bytes per second.
//! Dropping the values is included. Conversion into the project's domain types is not measured.

#![expect(clippy::expect_used, reason = "a bench that can't go on ends")]

use criterion::{BenchmarkId, Criterion, Throughput};
use sizecompare::{format::Format, sample};
use std::time::Duration;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for sample in sample::built_in() {
        let mut group = criterion.benchmark_group(format!("decode/{}", sample.name));
        for format in Format::all() {
            if let Some(subject) = sample.bind(*format).expect("every record goes round in every format") {
                group.throughput(Throughput::Bytes(subject.bytes().len() as u64));
                let id = BenchmarkId::from_parameter(format.about().name);
                group.bench_function(id, |bencher| bencher.iter_custom(|times| subject.decode(times)));
            }
        }
    }
    criterion.final_summary();
}
