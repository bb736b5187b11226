//! PostgreSQL loses its last transactions, or an operator removes keys, while instances of the service run.

use crate::cases::{rating, record, user};
use crate::random::{Model, Pair, all_pairs, random_writes, seeds};
use fault::{Fault, Kind};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rating::batch::{Batch, Write};
use rating::repository::{Batches, Ratings, postgres};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::time::{Duration, Instant};
use storage::testing::{self, Database};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// Counts the ratings whose rater or record has no name.
const ORPHANS: &str = "SELECT count(*) FROM rating.rating AS g LEFT JOIN rating.rater AS u ON u.key = g.rater \
     LEFT JOIN rating.record AS r ON r.key = g.record WHERE u.key IS NULL OR r.key IS NULL";

/// Removes every key from 4 on, with all that was stored under it, so that the same keys are given again.
const REMOVE: &str = "DELETE FROM rating.rating WHERE rater >= 4 OR record >= 4;
     DELETE FROM rating.aggregate WHERE record >= 4;
     DELETE FROM rating.rater WHERE key >= 4;
     DELETE FROM rating.record WHERE key >= 4;
     ALTER TABLE rating.rater ALTER COLUMN key RESTART WITH 4;
     ALTER TABLE rating.record ALTER COLUMN key RESTART WITH 4;";

const EMPTY: &str = "TRUNCATE rating.rating, rating.aggregate, rating.rater, rating.record RESTART IDENTITY";

/// A database with a backup, and two instances of the service that go on running when it is restored.
struct Restorable {
    instances: [postgres::Repository; 2],
    database: Database,
    backup: Database,
}

impl Restorable {
    async fn create() -> Self {
        let server = testing::server().unwrap();
        let database = Database::create(&server).await.unwrap();
        let backup = Database::create(&server).await.unwrap();
        let options = database.options();
        let open = || postgres::Repository::open(&options, 2);
        Self { instances: [open().await.unwrap(), open().await.unwrap()], database, backup }
    }

    async fn save(&self) {
        replace(&self.backup.options(), &self.database.options()).await;
    }

    async fn restore(&self) {
        replace(&self.database.options(), &self.backup.options()).await;
    }

    async fn execute(&self, statements: &'static str) {
        let mut connection = self.database.options().connect().await.unwrap();
        let mut transaction = connection.begin().await.unwrap();
        sqlx::raw_sql(statements).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        connection.close().await.unwrap();
    }

    async fn check(&self, model: &Model, pairs: &[Pair]) {
        for store in &self.instances {
            model.check(store, pairs).await;
        }
        let mut connection = self.database.options().connect().await.unwrap();
        let orphans: i64 = sqlx::query_scalar(ORPHANS).fetch_one(&mut connection).await.unwrap();
        assert_eq!(orphans, 0, "ratings without a rater or record");
        connection.close().await.unwrap();
    }
}

/// Replaces a database by a copy of another one, and ends all connections to both.
async fn replace(replaced: &PgConnectOptions, copied: &PgConnectOptions) {
    let name = |options: &PgConnectOptions| options.get_database().unwrap().to_owned();
    let (replaced, copied) = (name(replaced), name(copied));
    let server: PgConnectOptions = testing::server().unwrap().parse().unwrap();
    let mut connection = server.connect().await.unwrap();
    let end = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1";
    sqlx::query(end).bind(&copied).execute(&mut connection).await.unwrap();
    for statement in [
        format!("DROP DATABASE {replaced} WITH (FORCE)"),
        format!("CREATE DATABASE {replaced} TEMPLATE {copied}"),
    ] {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

/// Applies `batch`, again while the store finds out that its connections are gone; only what it acknowledges counts.
async fn apply(store: &dyn Batches, batch: &Batch, model: &mut Model) {
    let until = Instant::now() + PATIENCE;
    while let Err(error) = store.apply(0, batch).await {
        assert!(error.kind() == Kind::Unavailable && Instant::now() < until, "{error:?}");
    }
    batch.writes.iter().for_each(|write| _ = model.apply(write));
}

/// Ratings of `value` by `count` users of as many records, all named after `prefix`.
fn puts(prefix: &str, count: usize, value: i64) -> Batch {
    let put = |i| Write::Put(rating(&format!("{prefix} record {i}"), &format!("{prefix} user {i}"), value));
    Batch::of((0..count).map(put).collect())
}

fn pairs_of(batches: &[Batch]) -> Vec<Pair> {
    let writes = batches.iter().flat_map(|batch| &batch.writes);
    writes.map(|write| (write.record().clone(), write.user_id().clone())).collect()
}

#[derive(Clone, Copy, Debug)]
enum Loss {
    /// A backup is restored.
    Restored,
    /// Rows are deleted by hand.
    Removed,
    /// The tables are emptied by hand.
    Emptied,
}

pub(crate) async fn ratings_go_to_their_users_after_the_database_lost_keys() {
    for loss in [Loss::Restored, Loss::Removed, Loss::Emptied] {
        let restorable = Restorable::create().await;
        let [first, second] = &restorable.instances;
        let (early, lost, other) = (puts("early", 3, 1), puts("lost", 20, 2), puts("other", 20, 3));
        let mut model = Model::default();
        apply(first, &early, &mut model).await;
        restorable.save().await;
        apply(first, &lost, &mut model.clone()).await;
        match loss {
            Loss::Restored => restorable.restore().await,
            Loss::Removed => restorable.execute(REMOVE).await,
            Loss::Emptied => {
                restorable.execute(EMPTY).await;
                model = Model::default();
            }
        }
        // The second instance gives the lost keys to other names. The first has them cached with the names of before.
        apply(second, &other, &mut model).await;
        apply(first, &lost, &mut model).await;
        restorable.check(&model, &pairs_of(&[early, lost, other])).await;
    }
}

pub(crate) async fn random_batches_agree_with_the_model_whatever_is_lost() {
    for seed in seeds() {
        let mut random = StdRng::seed_from_u64(seed.0);
        let restorable = Restorable::create().await;
        let (mut model, mut pairs) = (Model::default(), Vec::new());
        for round in 0..3 {
            restorable.save().await;
            let saved = model.clone();
            pairs.extend(all_pairs(seed.0.wrapping_add(round)));
            for lose in [true, false] {
                for _ in 0..random.random_range(1..5) {
                    let store = &restorable.instances[random.random_range(0..2)];
                    let batch = Batch::of(random_writes(&mut random, &pairs, 12));
                    apply(store, &batch, &mut model).await;
                }
                if lose {
                    restorable.restore().await;
                    model = saved.clone();
                }
            }
        }
        restorable.check(&model, &pairs).await;
    }
}

pub(crate) async fn keys_given_by_another_instance_do_not_discard_the_cache() {
    let restorable = Restorable::create().await;
    let [first, second] = &restorable.instances;
    let known = puts("known", 10, 5);
    first.apply(0, &known).await.unwrap();
    for number in 0..5 {
        second.apply(0, &puts(&format!("{number}"), 3, 5)).await.unwrap();
    }
    // Names cannot be looked up as long as this is held.
    let mut connection = restorable.database.options().connect().await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE rating.record, rating.rater").execute(&mut *transaction).await.unwrap();
    timeout(PATIENCE, first.apply(0, &known)).await.unwrap().unwrap();
    let unknown = timeout(Duration::from_millis(100), first.apply(0, &puts("0", 3, 5))).await;
    assert!(unknown.is_err(), "{unknown:?}");
    transaction.rollback().await.unwrap();
    assert!(first.get_rating(&record("known record 1"), &user("known user 1")).await.unwrap().is_some());
}
