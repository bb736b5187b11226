//! What is saved by reading every field of a Cap'n Proto message in place, instead of owning it?
//!
//! `cargo bench -p sizecompare --bench in_place` prints both times for a movie and for a list of 100. Encoding
//! and the other formats, which can't be read in place, are not measured.

#![expect(clippy::expect_used, reason = "a bench that can't go on ends")]

use criterion::{Criterion, Throughput};
use sizecompare::{format::Format, sample};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for sample in sample::built_in() {
        let subject =
            sample.bind(Format::Capnp).expect("every record goes round").expect("it is of any record");
        let mut group = criterion.benchmark_group(format!("in place/{}", sample.name));
        group.throughput(Throughput::Bytes(subject.bytes().len() as u64));
        group.bench_function("owned", |bencher| bencher.iter_custom(|times| subject.decode(times)));
        let visit = |times| subject.visit(times).expect("this format can be read in place");
        group.bench_function("in place", |bencher| bencher.iter_custom(visit));
    }
    criterion.final_summary();
}
