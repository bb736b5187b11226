//! How much slower does a store apply batches as what it holds grows: 20,000 changes of random ratings, as events bring
//! them, and 64, as calls do?
//!
//! `cargo bench -p rating --bench growth` prints the rates at a hundred thousand and a million stored ratings, of SQLite
//! and, where `MARQUEE_TEST_POSTGRES` names a server, of PostgreSQL with one lane; `-- --full` at ten million as well.
//! `just bench-ingest` holds the line for the whole way from Kafka; its broker, decoding and lanes are not measured here.

#![expect(clippy::expect_used, reason = "a bench that can't go on ends")]
#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

use model::{Rating, Record, RecordId, RecordType, Timestamp, UserId, Value};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rating::batch::{Batch, Write};
use rating::repository::{Batches, Repository, postgres, sqlite};
use std::time::{Duration, Instant};
use storage::sqlite::Synchronous;
use storage::testing::{self, Database, File};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RECORDS: u64 = 10_000;
const LARGE: u64 = 20_000;
const SMALL: u64 = 64;
/// How long each kind of batch is measured for.
const TIME: Duration = Duration::from_secs(5);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("the runtime starts");
    let full = std::env::args().any(|argument| argument == "--full");
    let sizes = &[100_000, 1_000_000, 10_000_000][..if full { 3 } else { 2 }];
    runtime.block_on(async {
        let file = File::new().expect("there is room for a file");
        let store = sqlite::Repository::open(&file.path(), Synchronous::Full).await.expect("it opens");
        measure("SQLite", &store, sizes).await;
        store.close().await;
        if let Ok(server) = testing::server() {
            let database = Database::create(&server).await.expect("it is created");
            let store = postgres::Repository::open(&database.options(), 1).await.expect("it opens");
            measure("PostgreSQL", &store, sizes).await;
            store.close().await;
        }
    });
}

async fn measure(name: &str, store: &impl Batches, sizes: &[u64]) {
    let (mut random, mut stored) = (Xoshiro256PlusPlus::seed_from_u64(1), 0);
    let mut least = [None; 2];
    for &size in sizes {
        while stored < size {
            let writes = (stored..size.min(stored + LARGE)).map(|number| put(number, 5)).collect();
            store.apply(0, &Batch::of(writes)).await.expect("it is applied");
            stored = size.min(stored + LARGE);
        }
        for (batch, least) in [LARGE, SMALL].into_iter().zip(&mut least) {
            changes(store, &mut random, size, batch, TIME / 5).await;
            let rate = changes(store, &mut random, size, batch, TIME).await;
            let ratio = rate / *least.get_or_insert(rate);
            println!("{name}, {size:>8} stored, batches of {batch:>5}: {rate:>7.0} a second, {ratio:.2}");
        }
    }
}

/// Changes random ones of the first `size` ratings for `time`, and returns how many a second.
async fn changes(
    store: &impl Batches,
    random: &mut Xoshiro256PlusPlus,
    size: u64,
    batch: u64,
    time: Duration,
) -> f64 {
    let (mut spent, mut made) = (Duration::ZERO, 0);
    while spent < time {
        let writes = (0..batch).map(|_| put(random.random_range(0..size), random.random_range(1..=10)));
        let batch = Batch::of(writes.collect());
        let start = Instant::now();
        made += store.apply(0, &batch).await.expect("it is applied").len();
        spent += start.elapsed();
    }
    made as f64 / spent.as_secs_f64()
}

/// Rating `number`, no two of the same record and user.
fn put(number: u64, value: i64) -> Write {
    let (record, user) = (number % RECORDS, number / RECORDS * 7 + number % RECORDS * 13);
    Write::Put(Rating {
        record: Record {
            record_type: RecordType::movie(),
            record_id: RecordId::new(record.to_string()).expect("an id"),
        },
        user_id: UserId::new(format!("user-{user:06}")).expect("an id"),
        value: Value::new(value).expect("1 to 10"),
        provider_id: None,
        rated_at: Timestamp::now(),
    })
}
