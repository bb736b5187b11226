//! What reads may rely on while writes are under way or are refused: pending and merged rows are read together, whatever
//! the write connection does.

use super::Repository;
use super::tables::Tally;
use crate::batch::{Batch, Write};
use crate::repository::{
    AfterTop, Batches as _, Positions as _, Ratings as _, Repository as _, TopRated, UserRatings,
};
use fault::{Fault, Kind};
use model::{Histogram, Prior, Rating, Record, RecordId, RecordType, Timestamp, UserId, Value};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use storage::sqlite::Synchronous;
use storage::testing::File;
use tokio::time::timeout;

type Model = BTreeMap<(String, String), Rating>;

fn put(record: &str, user: &str, value: i64) -> Rating {
    Rating {
        record: Record { record_type: RecordType::movie(), record_id: RecordId::new(record).unwrap() },
        user_id: UserId::new(user).unwrap(),
        value: Value::new(value).unwrap(),
        provider_id: None,
        rated_at: Timestamp::from_millis(value).unwrap(),
    }
}

/// Lets the file grow by at most `pages` from its current size.
async fn limit(store: &Repository, pages: i64) {
    let mut transaction = store.writer.begin().await.unwrap();
    let connection = transaction.connection().await.unwrap();
    let count: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut *connection).await.unwrap();
    let limit = AssertSqlSafe(format!("PRAGMA max_page_count = {}", count + pages));
    sqlx::query(limit).execute(connection).await.unwrap();
    transaction.end(Ok::<_, storage::Error>(())).await.unwrap();
}

/// Caches an aggregate that no table has, so that it is gone once the journals are read again.
async fn mark(store: &Repository) {
    store.pending.aggregates.table().cache(&[(i64::MIN, Tally::default())]);
}

async fn is_marked(store: &Repository) -> bool {
    store.pending.aggregates.table().cached(vec![i64::MIN], |_, _| {}).is_empty()
}

async fn check(store: &Repository, model: &Model) {
    let mut histograms: BTreeMap<&RecordId, Histogram> = BTreeMap::new();
    for rating in model.values() {
        histograms.entry(&rating.record.record_id).or_default().add(rating.value);
        let stored = store.get_rating(&rating.record, &rating.user_id).await.unwrap();
        assert_eq!(stored.as_ref(), Some(rating));
    }
    for (id, histogram) in &histograms {
        let record = Record { record_type: RecordType::movie(), record_id: (*id).clone() };
        let stored = store.get_aggregate(&record).await.unwrap().unwrap();
        assert_eq!(stored.histogram.count(), histogram.count(), "{record:?}");
    }
    let expected = |min_count: u64| {
        let rated = histograms.iter().filter(|(_, histogram)| histogram.count() >= min_count);
        let mean = |histogram| Prior::default().weighted_mean(histogram);
        let mut best: Vec<_> = rated.map(|(id, histogram)| (mean(histogram), (*id).clone())).collect();
        best.sort_by(|(a, a_id), (b, b_id)| b.total_cmp(a).then_with(|| a_id.cmp(b_id)));
        best
    };
    for min_count in [1, 2] {
        let (expected, mut best) = (expected(min_count), Vec::new());
        let limit = expected.len() / 4 + 1;
        loop {
            let after = best.last().map(AfterTop::of);
            let page = store
                .list_top_rated(TopRated {
                    record_type: &RecordType::movie(),
                    min_count,
                    after: after.as_ref(),
                    limit,
                })
                .await
                .unwrap();
            if page.is_empty() {
                break;
            }
            best.extend(page);
        }
        let best: Vec<_> = best.into_iter().map(|row| (row.weighted_mean, row.record.record_id)).collect();
        assert_eq!(best, expected);
    }
    assert!(
        store
            .list_top_rated(TopRated {
                record_type: &RecordType::new("book").unwrap(),
                min_count: 1,
                after: None,
                limit: 10
            })
            .await
            .unwrap()
            .is_empty()
    );
}

fn follow(model: &mut Model, ratings: Vec<Rating>) {
    for rating in ratings {
        model.insert((rating.record.record_id.to_string(), rating.user_id.to_string()), rating);
    }
}

fn batch(ratings: &[Rating]) -> Batch {
    Batch::of(ratings.iter().cloned().map(Write::Put).collect())
}

#[tokio::test]
async fn refused_writes_do_not_read_the_journals_again() {
    let file = File::new().unwrap();
    let store = Repository::open(&file.path(), Synchronous::Normal).await.unwrap();
    let first: Vec<Rating> = (0..500).map(|i| put(&format!("{}", i % 50), &format!("{i}"), 3)).collect();
    store.apply(0, &batch(&first)).await.unwrap();
    let mut model = Model::new();
    follow(&mut model, first);
    limit(&store, 0).await;
    mark(&store).await;
    let large: Vec<Rating> = (0..3_000).map(|i| put(&format!("{i}"), &format!("user {i}"), 7)).collect();
    for _ in 0..10 {
        let refused = store.apply(0, &batch(&large)).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Unavailable, "{refused:?}");
        assert!(is_marked(&store).await);
    }
    check(&store, &model).await;
    limit(&store, 100_000).await;
    store.apply(0, &batch(&large)).await.unwrap();
    assert!(is_marked(&store).await);
    follow(&mut model, large);
    check(&store, &model).await;
    store.close().await;
}

#[tokio::test]
async fn whatever_is_refused_memory_agrees_with_the_file() {
    let seed = rand::random();
    eprintln!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut refused = 0;
    for most in [1, 20, 1_000] {
        let (file, mut model) = (File::new().unwrap(), Model::new());
        for _ in 0..3 {
            let store = Repository::open_with(&file.path(), Synchronous::Normal, most).await.unwrap();
            for _ in 0..25 {
                limit(&store, if random.random() { random.random_range(0..4) } else { 1_000 }).await;
                let name = |random: &mut StdRng| {
                    let number = random.random_range(0..500);
                    number.to_string().repeat(40)
                };
                let put = |_| put(&name(&mut random), &name(&mut random), random.random_range(1..=10));
                let ratings: Vec<Rating> = (0..30).map(put).collect();
                match store.apply(0, &batch(&ratings)).await {
                    Ok(_) => follow(&mut model, ratings),
                    Err(error) => {
                        assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
                        refused += 1;
                    }
                }
                if random.random_ratio(1, 4) {
                    store
                        .list_top_rated(TopRated {
                            record_type: &RecordType::movie(),
                            min_count: 1,
                            after: None,
                            limit: 10,
                        })
                        .await
                        .unwrap();
                }
            }
            check(&store, &model).await;
            store.close().await;
        }
        let store = Repository::open_with(&file.path(), Synchronous::Normal, most).await.unwrap();
        check(&store, &model).await;
        store.close().await;
    }
    assert!(refused > 0, "nothing was refused");
}

/// Opens a store with ratings and aggregates of which some are merged and some pending.
async fn partly_merged(file: &File) -> (Repository, Model) {
    let store = Repository::open_with(&file.path(), Synchronous::Normal, 100).await.unwrap();
    let mut model = Model::new();
    for user in 0..30 {
        let ratings =
            (0..20).map(|i| put(&format!("{}", (user * 7 + i) % 50), &format!("{user}"), i % 10 + 1));
        let ratings: Vec<Rating> = ratings.collect();
        store.apply(0, &batch(&ratings)).await.unwrap();
        follow(&mut model, ratings);
    }
    let (ratings, aggregates) = (&store.pending.ratings, &store.pending.aggregates);
    let count = ratings.range((0, 0)..=(i64::MAX, i64::MAX)).len();
    assert!(count > 0 && count < model.len());
    let count = aggregates.range(0..=i64::MAX).len();
    assert!(count > 0 && count < 50);
    (store, model)
}

/// A connection to the file that is not the store's, and fails at once if the file is locked.
async fn connect(file: &File) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file.path()).busy_timeout(Duration::ZERO);
    SqliteConnection::connect_with(&options).await.unwrap()
}

#[tokio::test]
async fn reads_neither_write_nor_wait_for_the_write_connection() {
    let file = File::new().unwrap();
    let (store, model) = partly_merged(&file).await;
    let mut watcher = connect(&file).await;
    // This number changes whenever another connection commits.
    let version = "PRAGMA data_version";
    let before: i64 = sqlx::query_scalar(version).fetch_one(&mut watcher).await.unwrap();
    let mut transaction = store.writer.begin().await.unwrap();
    transaction.connection().await.unwrap();
    assert!(sqlx::query("BEGIN IMMEDIATE").execute(&mut watcher).await.is_err(), "no transaction is open");
    timeout(Duration::from_secs(60), check(&store, &model)).await.unwrap();
    transaction.end(Err::<(), _>(storage::Error::row("rating", "the test ends"))).await.unwrap_err();
    let after: i64 = sqlx::query_scalar(version).fetch_one(&mut watcher).await.unwrap();
    assert_eq!(before, after);
    store.close().await;
}

#[tokio::test]
async fn reader_that_disconnects_leaves_no_transaction_open() {
    let file = File::new().unwrap();
    let (store, model) = partly_merged(&file).await;
    let (mut other, mut disconnected) = (connect(&file).await, 0);
    let ids: Vec<RecordId> = (0..50).map(|id| RecordId::new(id.to_string()).unwrap()).collect();
    let (movie, user) = (RecordType::movie(), UserId::new("7").unwrap());
    for round in 0..100 {
        let reads = async {
            store
                .list_top_rated(TopRated { record_type: &movie, min_count: 1, after: None, limit: 50 })
                .await
                .unwrap();
            store
                .list_user_ratings(UserRatings { user: &user, record_type: None, after: None, limit: 50 })
                .await
                .unwrap();
            store.batch_get_aggregates(&movie, &ids).await.unwrap();
        };
        let patience = Duration::from_micros(rand::random_range(0..3_000));
        disconnected += usize::from(timeout(patience, reads).await.is_err());
        if round % 10 == 0 {
            sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK").execute(&mut other).await.unwrap();
        }
    }
    assert!(disconnected > 0);
    // The log can be emptied only while no reader has a snapshot of it; SQLite's threads may take a moment to notice.
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let checkpoint = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut other);
        let (busy, _, _): (i64, i64, i64) = checkpoint.await.unwrap();
        if busy == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "a snapshot stays open");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    check(&store, &model).await;
    store.close().await;
}

#[tokio::test]
async fn reads_go_on_while_the_disk_is_full() {
    let file = File::new().unwrap();
    let (store, model) = partly_merged(&file).await;
    limit(&store, 0).await;
    let large: Vec<Rating> = (0..3_000).map(|i| put(&format!("{i}"), &format!("user {i}"), 7)).collect();
    for _ in 0..3 {
        let refused = store.apply(0, &batch(&large)).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Unavailable, "{refused:?}");
        check(&store, &model).await;
        store.ready().await.unwrap();
        assert!(store.positions("cluster", "ratings").await.unwrap().is_empty());
    }
    store.close().await;
}
