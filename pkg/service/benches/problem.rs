//! What does a rejected request cost: converting its error to problem details?
//!
//! `cargo bench -p service --bench problem` prints the time to create the response for a missing record, for
//! a request with one violation, and for a batch with 500. The path, which the server adds, and the log
//! line of an internal failure are not measured.

use axum::response::IntoResponse;
use criterion::{BatchSize, BenchmarkId, Criterion};
use fault::{Invalid, Kind, Violation};
use service::Problem;

fn broken(rules: usize) -> Option<Invalid> {
    let violation = |i| Violation::new(format!("metadata[{i}].release_year"), "must be 1 or more, not 0");
    Invalid::of((0..rules).map(violation).collect())
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("problem");
    group.bench_function("not found", |bencher| {
        bencher.iter(|| Problem::of(Kind::NotFound, "no metadata with id \"tt0211915\"").into_response());
    });
    for rules in [1, 500] {
        group.bench_function(BenchmarkId::new("broken rules", rules), |bencher| {
            let answer = |invalid: Option<Invalid>| invalid.map(|it| Problem::from(it).into_response());
            bencher.iter_batched(|| broken(rules), answer, BatchSize::SmallInput);
        });
    }
    group.finish();
    criterion.final_summary();
}
