//! PostgreSQL with other transactions in the way, with other defaults, and with values that it rejects.

use crate::cases::{rating, record, user};
use crate::random;
use crate::stores::Stores;
use model::Prior;
use rating::batch::{Batch, Outcome, Write};
use rating::repository::{Batches, Ratings, postgres};
use rating::writer::{Error, Writer};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use std::sync::Arc;
use std::time::Duration;
use storage::testing::{self, Database};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(20);

const LOCK: &str = "SELECT FROM rating.aggregate JOIN rating.record ON key = record WHERE record_id = $1 \
     FOR NO KEY UPDATE OF aggregate";

const BLOCKED: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
     AND cardinality(pg_blocking_pids(pid)) > 0";

/// Notes the settings of each transaction that gives a user a key or adds a rating.
const NOTE: &str = "CREATE TABLE noted (durable text, isolation text, waits text);
     CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
         INSERT INTO public.noted VALUES (current_setting('synchronous_commit'),
             current_setting('transaction_isolation'), current_setting('transaction_deferrable'));
         RETURN NULL;
     END $$;
     CREATE TRIGGER note AFTER INSERT ON rating.rating FOR EACH STATEMENT EXECUTE FUNCTION note();
     CREATE TRIGGER note AFTER INSERT ON rating.rater FOR EACH STATEMENT EXECUTE FUNCTION note();";

async fn create() -> (Database, PgConnection) {
    let database = Database::create(&testing::server().unwrap()).await.unwrap();
    let connection = database.options().connect().await.unwrap();
    (database, connection)
}

async fn open(database: &Database) -> Arc<postgres::Repository> {
    Arc::new(postgres::Repository::open(&database.options(), 2).await.unwrap())
}

async fn execute(connection: &mut PgConnection, statements: &'static str) {
    sqlx::raw_sql(statements).execute(connection).await.unwrap();
}

fn puts(records: &[&str], by: &str, value: i64) -> Vec<Write> {
    records.iter().map(|id| Write::Put(rating(id, by, value))).collect()
}

/// Applies a batch in a task of its own.
fn apply(store: &Arc<postgres::Repository>, writes: Vec<Write>) -> tokio::task::JoinHandle<Vec<Outcome>> {
    let store = Arc::clone(store);
    tokio::spawn(async move { store.apply(0, &Batch::of(writes)).await.unwrap() })
}

/// Waits until `count` connections wait for a lock.
async fn until_blocked(connection: &mut PgConnection, count: i64) {
    let waiting = async {
        while sqlx::query_scalar::<_, i64>(BLOCKED).fetch_one(&mut *connection).await.unwrap() < count {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap();
}

pub(crate) async fn instance_that_starts_blocks_no_batch() {
    let (database, mut watching) = create().await;
    let store = open(&database).await;
    let prior = Prior::new(3.0, 5.0).unwrap();
    store.set_prior(prior).await.unwrap();
    store.apply(0, &Batch::of(puts(&["locked", "free"], "ann", 5))).await.unwrap();
    let mut rival = database.options().connect().await.unwrap();
    let mut locking = rival.begin().await.unwrap();
    sqlx::query(LOCK).bind("locked").execute(&mut *locking).await.unwrap();
    let waiting = apply(&store, puts(&["locked"], "bob", 5));
    until_blocked(&mut watching, 1).await;

    let starting = async {
        let second = open(&database).await;
        second.set_prior(prior).await.unwrap();
        second.apply(0, &Batch::of(puts(&["free"], "bob", 5))).await.unwrap();
    };
    timeout(PATIENCE, starting).await.unwrap();
    assert!(!waiting.is_finished());
    locking.rollback().await.unwrap();
    assert_eq!(waiting.await.unwrap(), [Outcome::Created]);
}

pub(crate) async fn victim_of_deadlock_is_tried_again() {
    let (database, mut watching) = create().await;
    let store = open(&database).await;
    store.apply(0, &Batch::of(puts(&["a", "b"], "ann", 5))).await.unwrap();
    let stop = CancellationToken::new();
    let writer = Writer::start(store, &stop);
    let mut rival = database.options().options([("deadlock_timeout", "60s")]).connect().await.unwrap();
    let mut locking = rival.begin().await.unwrap();
    sqlx::query(LOCK).bind("b").execute(&mut *locking).await.unwrap();
    let writing = {
        let writer = writer.clone();
        tokio::spawn(async move { writer.ingest(0, Batch::of(puts(&["a", "b"], "bob", 7))).await })
    };
    until_blocked(&mut watching, 1).await;
    // The batch has locked the first record and waits for the second; it is the one to find the deadlock.
    let locked = timeout(PATIENCE, sqlx::query(LOCK).bind("a").execute(&mut *locking)).await.unwrap();
    locked.unwrap();
    locking.commit().await.unwrap();
    let outcomes = timeout(PATIENCE, writing).await.unwrap().unwrap().unwrap();
    assert_eq!(outcomes, [Outcome::Created; 2]);
    stop.cancel();
}

pub(crate) async fn defaults_of_database_change_nothing() {
    let (database, mut connection) = create().await;
    for (setting, value) in [
        ("default_transaction_isolation", "serializable"),
        ("default_transaction_deferrable", "on"),
        ("synchronous_commit", "off"),
    ] {
        let name = database.options().get_database().unwrap().to_owned();
        let alter = AssertSqlSafe(format!("ALTER DATABASE {name} SET {setting} = '{value}'"));
        sqlx::query(alter).execute(&mut connection).await.unwrap();
    }
    let stores = Stores::on(database).await;
    execute(&mut connection, NOTE).await;
    random::concurrent_writers_agree_with_the_model(&stores).await;
    let noted: Vec<(String, String, String)> =
        sqlx::query_as("SELECT DISTINCT * FROM noted").fetch_all(&mut connection).await.unwrap();
    assert_eq!(noted, [("on".into(), "read committed".into(), "off".into())]);
}

pub(crate) async fn rejected_value_fails_its_call_alone() {
    let (database, mut connection) = create().await;
    let store = open(&database).await;
    execute(&mut connection, "ALTER TABLE rating.rating ADD CHECK (value <> 9)").await;
    execute(&mut connection, "ALTER TABLE rating.rater ADD CHECK (user_id <> 'user 5')").await;
    let stop = CancellationToken::new();
    let writer = Writer::start(store.clone(), &stop);
    // The calls gather while this is held.
    let mut locking = connection.begin().await.unwrap();
    execute(&mut locking, "LOCK TABLE rating.record").await;
    let calling: Vec<_> = (0..20)
        .map(|i| {
            let writer = writer.clone();
            let put = Write::Put(rating("1", &format!("user {i}"), if i == 3 { 9 } else { 4 }));
            tokio::spawn(async move { writer.write(put).await })
        })
        .collect();
    let queued = || (0..writer.lanes()).map(|lane| writer.queued(lane)).sum::<usize>();
    let queueing = async {
        while queued() < 20 {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, queueing).await.unwrap();
    locking.rollback().await.unwrap();
    for (i, call) in calling.into_iter().enumerate() {
        match call.await.unwrap() {
            Ok(outcome) => assert_eq!((outcome, matches!(i, 3 | 5)), (Outcome::Created, false), "user {i}"),
            Err(Error::Storage(error)) => {
                assert!(error.is_rejection() && matches!(i, 3 | 5), "{i}: {error:?}")
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(store.get_aggregate(&record("1")).await.unwrap().unwrap().histogram.count(), 18);
    assert_eq!(store.get_rating(&record("1"), &user("user 3")).await.unwrap(), None);
    stop.cancel();
}
