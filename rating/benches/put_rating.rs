//! How much does it cost to put a rating into SQLite with `synchronous=FULL`: for 64 callers at once, and for
//! one alone beside a bare commit?
//!
//! `cargo bench -p rating --bench put_rating` prints the figures and exits 1 where one is missed. The callers
//! go through the controller and the writer; the network and its protocols are not measured.

#![expect(clippy::expect_used, reason = "a bench that can't go on ends")]
#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

use model::{Rating, Record, RecordId, RecordType, Timestamp, UserId, Value};
use rating::controller::Controller;
use rating::repository::{Batches, Ratings, memory, sqlite};
use rating::writer::Writer;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use storage::sqlite::{BEGIN, Sqlite, Synchronous};
use storage::testing::File;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CALLERS: usize = 64;
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(500);
const ALONE: Duration = Duration::from_secs(6);
const RECORDS: usize = 1_000;
const USERS: usize = 5_000;

const LEAST_A_COMMIT: f64 = 10.0;
const LEAST_A_SECOND: f64 = 25_000.0;
const MOST_TIMES_BARE: f64 = 1.3;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let first = measure().await;
    if first.is_met() {
        return ExitCode::SUCCESS;
    }
    println!("missed; measuring once more");
    if measure().await.is_met() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Figures {
    a_commit: f64,
    a_second: f64,
    times_bare: f64,
}

impl Figures {
    fn is_met(&self) -> bool {
        self.a_commit >= LEAST_A_COMMIT
            && self.a_second >= LEAST_A_SECOND
            && self.times_bare <= MOST_TIMES_BARE
    }
}

/// Something that ratings are put into.
struct Subject {
    controller: Controller,
    writer: Writer,
    next: AtomicUsize,
    names: Arc<Names>,
}

struct Names {
    records: Vec<Record>,
    users: Vec<UserId>,
}

impl Subject {
    fn new<R: Batches + Ratings + 'static>(repository: Arc<R>, names: &Arc<Names>) -> Arc<Self> {
        let writer = Writer::start(repository.clone(), &CancellationToken::new());
        let controller = Controller::new(repository, writer.clone());
        Arc::new(Self { controller, writer, next: AtomicUsize::new(0), names: Arc::clone(names) })
    }

    async fn put(&self) {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        // Strides without a common factor, so that records and users meet in every pairing.
        let rating = Rating {
            record: self.names.records[n.wrapping_mul(7_919) % RECORDS].clone(),
            user_id: self.names.users[n.wrapping_mul(104_729) % USERS].clone(),
            value: Value::new(1 + i64::try_from(n / 3 % 10).unwrap_or(0)).expect("1 to 10"),
            provider_id: None,
            rated_at: Timestamp::now(),
        };
        self.controller.put_rating(rating).await.expect("it is stored");
    }

    /// Lets `callers` put for one round, and returns how many puts they made.
    async fn round(self: &Arc<Self>, callers: usize) -> usize {
        let until = Instant::now() + ROUND;
        let calling: Vec<_> = (0..callers)
            .map(|_| {
                let subject = Arc::clone(self);
                tokio::spawn(async move {
                    let mut made = 0;
                    while Instant::now() < until {
                        subject.put().await;
                        made += 1;
                    }
                    made
                })
            })
            .collect();
        let mut made = 0;
        for caller in calling {
            made += caller.await.expect("no caller fails");
        }
        made
    }
}

/// Makes a transaction of one small statement, with the settings that the service has.
async fn bare_commit(database: &Sqlite) {
    let mut transaction = database.writer.begin_with(BEGIN).await.expect("it begins");
    sqlx::query("INSERT INTO bare (value) VALUES (1)")
        .execute(&mut *transaction)
        .await
        .expect("it is stored");
    transaction.commit().await.expect("it commits");
}

async fn timed(done: impl Future<Output = ()>) -> Duration {
    let start = Instant::now();
    done.await;
    start.elapsed()
}

async fn measure() -> Figures {
    let names = Arc::new(Names {
        records: (0..RECORDS)
            .map(|i| Record {
                record_type: RecordType::movie(),
                record_id: RecordId::new(format!("tt{i:07}")).expect("an id"),
            })
            .collect(),
        users: (0..USERS).map(|i| UserId::new(format!("user-{i:06}")).expect("an id")).collect(),
    });
    let (file, bare_file) = (File::new().expect("a folder"), File::new().expect("a folder"));
    let store = sqlite::Repository::open(&file.path(), Synchronous::Full).await.expect("it opens");
    let sqlite = Subject::new(Arc::new(store), &names);
    let memory = Subject::new(Arc::new(memory::Repository::new()), &names);
    let bare = storage::sqlite::open(&bare_file.path(), Synchronous::Full).await.expect("it opens");
    sqlx::query("CREATE TABLE bare (key INTEGER PRIMARY KEY, value INTEGER)")
        .execute(&bare.writer)
        .await
        .expect("it is created");

    sqlite.round(CALLERS).await;
    // In turn, so that all three meet the same disk and the same neighbours.
    let (mut commits, mut calls, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    let until = Instant::now() + ALONE;
    while Instant::now() < until {
        commits.push(timed(bare_commit(&bare)).await);
        calls.push(timed(memory.put()).await);
        alone.push(timed(sqlite.put()).await);
        alone.push(timed(sqlite.put()).await);
        calls.push(timed(memory.put()).await);
        commits.push(timed(bare_commit(&bare)).await);
    }
    let (commit, call, alone) = (median(commits), median(calls), median(alone));

    let before = sqlite.writer.applied();
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let (start, made) = (Instant::now(), sqlite.round(CALLERS).await);
        rates.push(made as f64 / start.elapsed().as_secs_f64());
    }
    let after = sqlite.writer.applied();

    let a_commit = (after.writes - before.writes) as f64 / (after.batches - before.batches) as f64;
    let a_second = median(rates);
    let times_bare = alone.as_secs_f64() / (commit + call).as_secs_f64();
    println!("{CALLERS} callers: {a_commit:.1} writes a commit (at least {LEAST_A_COMMIT})");
    println!("{CALLERS} callers: {a_second:.0} writes a second (at least {LEAST_A_SECOND})");
    println!("one caller: {alone:.1?} a write; a bare commit {commit:.1?}, a bare call {call:.1?}");
    println!("one caller: {times_bare:.2} times a bare commit and call (at most {MOST_TIMES_BARE})");
    Figures { a_commit, a_second, times_bare }
}

fn median<T: PartialOrd + Copy>(mut of: Vec<T>) -> T {
    of.sort_by(|a, b| a.partial_cmp(b).expect("they compare"));
    of[of.len() / 2]
}
