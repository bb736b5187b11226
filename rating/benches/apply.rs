//! How long does a store take to apply a batch of 1, 100 and 10,000 writes?
//!
//! `cargo bench -p rating --bench apply` prints the figures of memory and SQLite, and of PostgreSQL too where
//! `MARQUEE_TEST_POSTGRES` names a server. Each write replaces a stored rating by another value, so that the
//! tables stay as large as they are. SQLite commits with `synchronous=NORMAL`: how long the disk takes is not
//! measured (`put_rating` does that), nor are the writer's queue and batches at the same time.

#![expect(clippy::expect_used, reason = "a bench that can't go on ends")]

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use model::{Rating, Record, RecordId, RecordType, Timestamp, UserId, Value};
use rating::batch::{Batch, Write};
use rating::repository::{Batches, Repository, memory, postgres, sqlite};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use storage::sqlite::Synchronous;
use storage::testing::{self, Database, File};

const RECORDS: usize = 1_000;
const USERS: usize = 10;

/// Every user's rating of every record.
fn writes(value: i64) -> Vec<Write> {
    let users: Vec<UserId> =
        (0..USERS).map(|i| UserId::new(format!("user-{i}")).expect("a good id")).collect();
    let record = |i| Record {
        record_type: RecordType::movie(),
        record_id: RecordId::new(format!("record-{i}")).expect("a good id"),
    };
    let rating = |record: &Record, user_id: &UserId| Rating {
        record: record.clone(),
        user_id: user_id.clone(),
        value: Value::new(value).expect("in range"),
        provider_id: None,
        rated_at: Timestamp::from_millis(value).expect("in range"),
    };
    let records: Vec<Record> = (0..RECORDS).map(record).collect();
    users.iter().flat_map(|user| records.iter().map(|record| Write::Put(rating(record, user)))).collect()
}

fn measure(criterion: &mut Criterion, runtime: &tokio::runtime::Runtime, name: &str, store: &impl Batches) {
    let (low, high) = (writes(3), writes(8));
    runtime.block_on(store.apply(0, &Batch::of(low.clone()))).expect("it is applied");
    let mut group = criterion.benchmark_group(format!("apply/{name}"));
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    for size in [1, 100, RECORDS * USERS] {
        let batches = [&high, &low].map(|writes| Batch::of(writes[..size].to_vec()));
        let turn = AtomicUsize::new(0);
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.to_async(runtime).iter(|| async {
                let batch = &batches[turn.fetch_add(1, Ordering::Relaxed) % 2];
                store.apply(0, batch).await.expect("it is applied")
            });
        });
    }
    group.finish();
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("the runtime starts");
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    measure(&mut criterion, &runtime, "memory", &memory::Repository::new());
    let file = File::new().expect("there is room for a file");
    let store = runtime.block_on(sqlite::Repository::open(&file.path(), Synchronous::Normal));
    measure(&mut criterion, &runtime, "sqlite", &store.expect("it opens"));
    if let Ok(server) = testing::server() {
        let database = runtime.block_on(Database::create(&server)).expect("it is created");
        let store = runtime.block_on(postgres::Repository::open(&database.options(), 1)).expect("it opens");
        measure(&mut criterion, &runtime, "postgres", &store);
        runtime.block_on(store.close());
    }
    criterion.final_summary();
}
