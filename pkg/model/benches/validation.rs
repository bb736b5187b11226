//! What does validation of domain types cost?
//!
//! `cargo bench -p model --bench validation` prints the time to construct an id, a rating, the metadata of a
//! movie, and a description of 16 KiB with line breaks. Copying the texts is included; decoding
//! a request is not measured.

#![expect(clippy::expect_used, reason = "a bench that can't go on ends")]

use criterion::{Criterion, Throughput};
use model::{
    Broken, Genres, Metadata, Rating, Record, RecordId, RecordType, ReleaseYear, Text, Timestamp, Title,
    UserId, Value,
};
use std::hint::black_box;

fn rating(id: &str, user: &str) -> Result<Rating, Broken> {
    Ok(Rating {
        record: Record { record_type: RecordType::new("movie")?, record_id: RecordId::new(id)? },
        user_id: UserId::new(user)?,
        value: Value::new(8)?,
        provider_id: None,
        rated_at: Timestamp::parse("2026-01-02T03:04:05.678Z")?,
    })
}

fn metadata(id: &str) -> Result<Metadata, Broken> {
    Ok(Metadata {
        id: RecordId::new(id)?,
        title: Title::new("Le Fabuleux Destin d'Amélie Poulain")?,
        description: Text::description("A waitress in Paris mends the lives of those around her.")?,
        director: Text::director("Jean-Pierre Jeunet")?,
        release_year: Some(ReleaseYear::new(2001)?),
        genres: Genres::new(vec!["Comedy".into(), "Romance".into()])?,
        revision: 0,
    })
}

fn main() {
    let long = "A line of the description.\n".repeat(606);
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("validation");
    group.throughput(Throughput::Elements(1));
    group.bench_function("id", |bencher| bencher.iter(|| RecordId::new(black_box("tt0211915"))));
    group.bench_function("rating", |bencher| {
        bencher.iter(|| rating(black_box("tt0211915"), black_box("user-4711")).expect("it keeps the rules"));
    });
    group.bench_function("metadata", |bencher| {
        bencher.iter(|| metadata(black_box("tt0211915")).expect("it keeps the rules"));
    });
    group.throughput(Throughput::Bytes(long.len() as u64));
    group.bench_function("description", |bencher| {
        bencher.iter(|| Text::description(black_box(long.as_str())).expect("it keeps the rules"));
    });
    group.finish();
    criterion.final_summary();
}
