//! Files and databases that are opened again: what waited for the table is there, and so is what earlier versions stored.

use model::{Histogram, Prior, ProviderId, Rating, Record, RecordId, RecordType, Timestamp, UserId, Value};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rating::batch::{Batch, Write};
use rating::repository::{Batches, Positions, Ratings, Repository, TopRated, UserRatings, postgres, sqlite};
use sqlx::sqlite::SqlitePool;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use storage::sqlite::Synchronous;
use storage::testing::{self, Database, File};
use storage::{Migration, migrate};
use tokio::time::timeout;

type Key = (u8, u8);

fn record(number: u8) -> Record {
    let record_id = RecordId::new(format!("record {number}")).unwrap();
    Record { record_type: RecordType::movie(), record_id }
}

fn user(number: u8) -> UserId {
    UserId::new(format!("user {number}")).unwrap()
}

fn rating((of, by): Key, random: &mut StdRng) -> Rating {
    Rating {
        record: record(of),
        user_id: user(by),
        value: Value::new(random.random_range(1..=10)).unwrap(),
        provider_id: random.random::<bool>().then(|| ProviderId::new("a \"provider\"").unwrap()),
        rated_at: Timestamp::from_millis(random.random_range(0..5)).unwrap(),
    }
}

async fn open(file: &File, waiting: usize) -> sqlite::Repository {
    sqlite::Repository::open_with(&file.path(), Synchronous::Normal, waiting).await.unwrap()
}

fn histogram(of: u8, model: &BTreeMap<Key, Rating>) -> Histogram {
    let mut histogram = Histogram::default();
    model.iter().filter(|(key, _)| key.0 == of).for_each(|(_, rating)| histogram.add(rating.value));
    histogram
}

async fn check(store: &dyn Ratings, model: &BTreeMap<Key, Rating>) {
    for of in 0..6 {
        let found = store.get_aggregate(&record(of)).await.unwrap();
        assert_eq!(
            found.map(|found| found.histogram).unwrap_or_default(),
            histogram(of, model),
            "record {of}"
        );
    }
    for by in 0..6 {
        for of in 0..6 {
            let found = store.get_rating(&record(of), &user(by)).await.unwrap();
            assert_eq!(found.as_ref(), model.get(&(of, by)), "record {of}, user {by}");
        }
        let listed = store
            .list_user_ratings(UserRatings { user: &user(by), record_type: None, after: None, limit: 100 })
            .await
            .unwrap();
        assert_eq!(listed.len(), model.keys().filter(|key| key.1 == by).count(), "user {by}");
    }
}

/// What people see who look into the file.
async fn check_view(path: &Path, model: &BTreeMap<Key, Rating>) {
    let pool = SqlitePool::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    let select = "SELECT record_id, user_id, value, provider_id FROM named_rating ORDER BY 1, 2";
    let rows: Vec<(String, String, i64, Option<String>)> =
        sqlx::query_as(select).fetch_all(&pool).await.unwrap();
    let row = |((of, by), rating): (&Key, &Rating)| {
        let provider = rating.provider_id.as_ref().map(ToString::to_string);
        (format!("record {of}"), format!("user {by}"), i64::from(rating.value.get()), provider)
    };
    assert_eq!(rows, model.iter().map(row).collect::<Vec<_>>());

    let select = "SELECT record_id, count, sum, weighted_mean FROM current_aggregate \
         JOIN record ON record.key = record WHERE count > 0 ORDER BY 1";
    let rows: Vec<(String, i64, i64, f64)> = sqlx::query_as(select).fetch_all(&pool).await.unwrap();
    let counted = (0..6).map(|of| (of, histogram(of, model))).filter(|(_, histogram)| histogram.count() > 0);
    let row = |(of, histogram): (u8, Histogram)| {
        let (count, sum) = (histogram.count().cast_signed(), histogram.sum().cast_signed());
        (format!("record {of}"), count, sum, Prior::default().weighted_mean(&histogram))
    };
    assert_eq!(rows, counted.map(row).collect::<Vec<_>>());
    pool.close().await;
}

/// A few pairs with what is to be put there; nothing where a rating is to be deleted.
fn writes(random: &mut StdRng) -> Vec<(Key, Option<Rating>)> {
    let write = |random: &mut StdRng| {
        let key = (random.random_range(0..6), random.random_range(0..6));
        let put = random.random_range(0..4) > 0;
        (key, put.then(|| rating(key, random)))
    };
    (0..random.random_range(1..8)).map(|_| write(random)).collect()
}

fn batch(writes: &[(Key, Option<Rating>)]) -> Batch {
    let write = |((of, by), put): &(Key, Option<Rating>)| match put {
        Some(rating) => Write::Put(rating.clone()),
        None => Write::Delete { record: record(*of), user_id: user(*by) },
    };
    Batch::of(writes.iter().map(write).collect())
}

fn follow(model: &mut BTreeMap<Key, Rating>, writes: Vec<(Key, Option<Rating>)>) {
    for (key, put) in writes {
        match put {
            Some(rating) => model.insert(key, rating),
            None => model.remove(&key),
        };
    }
}

pub(crate) async fn whatever_waits_for_the_table_is_there_when_the_file_is_opened_again() {
    for waiting in [1, 3, 10, 1_000] {
        let (file, mut random) = (File::new().unwrap(), StdRng::seed_from_u64(waiting as u64));
        let mut model = BTreeMap::new();
        for _ in 0..8 {
            let store = open(&file, waiting).await;
            check(&store, &model).await;
            for _ in 0..random.random_range(0..6) {
                let writes = writes(&mut random);
                store.apply(0, &batch(&writes)).await.unwrap();
                follow(&mut model, writes);
            }
            check(&store, &model).await;
            if random.random() {
                let best = store
                    .list_top_rated(TopRated {
                        record_type: &RecordType::movie(),
                        min_count: 1,
                        after: None,
                        limit: 100,
                    })
                    .await
                    .unwrap();
                assert!(best.iter().map(|found| found.weighted_mean).is_sorted_by(|a, b| a >= b));
                let rated = (0..6).filter(|of| histogram(*of, &model).count() > 0).count();
                assert_eq!(best.len(), rated);
                check(&store, &model).await;
            }
            store.close().await;
            drop(store);
            check_view(&file.path(), &model).await;
        }
    }
}

pub(crate) async fn a_batch_that_is_broken_off_leaves_all_or_nothing() {
    let mut broken_off = 0;
    for waiting in [1, 10, 1_000] {
        let (file, mut random) = (File::new().unwrap(), StdRng::seed_from_u64(waiting as u64));
        let (store, mut model) = (open(&file, waiting).await, BTreeMap::new());
        for _ in 0..200 {
            let writes = writes(&mut random);
            let mut after = model.clone();
            let batch = batch(&writes);
            follow(&mut after, writes);
            let patience = Duration::from_micros(random.random_range(0..1_500));
            if let Ok(applied) = timeout(patience, store.apply(0, &batch)).await {
                applied.unwrap();
                model = after;
            } else {
                broken_off += 1;
                // Whoever writes next finds out what has become of it.
                if random.random() {
                    store.apply(0, &Batch::default()).await.unwrap();
                } else {
                    store.forget_positions("ratings").await.unwrap();
                }
                let pairs = (0..6).flat_map(|of| (0..6).map(move |by| (of, by)));
                let mut found = BTreeMap::new();
                for (of, by) in pairs {
                    let rating = store.get_rating(&record(of), &user(by)).await.unwrap();
                    found.extend(rating.map(|rating| ((of, by), rating)));
                }
                assert!(found == model || found == after, "half of a batch is there");
                model = found;
            }
            check(&store, &model).await;
        }
        store.close().await;
        drop(store);
        check_view(&file.path(), &model).await;
    }
    assert!(broken_off > 0);
}

const OLD_ROWS: &str = "INSERT INTO record (record_type, record_id) VALUES ('movie', 'record 0'), ('movie', 'record 1');
    INSERT INTO rater (user_id) VALUES ('user 0'), ('user 1');
    INSERT INTO rating (record, rater, value, rated_at) VALUES (1, 1, 3, 1000), (1, 2, 4, 1001), (2, 1, 5, 1002);
    INSERT INTO aggregate (record, record_type, h3, h4, h5, weighted_mean, revision)
    VALUES (1, 'movie', 1, 1, 0, 6.6, 2), (2, 'movie', 0, 0, 1, 6.8, 1);";

async fn check_old(store: &dyn Repository) {
    let values = |ratings: Vec<Rating>| ratings.iter().map(|rating| rating.value.get()).collect::<Vec<_>>();
    assert_eq!(
        values(
            store
                .list_user_ratings(UserRatings { user: &user(0), record_type: None, after: None, limit: 10 })
                .await
                .unwrap()
        ),
        [5, 3]
    );
    assert_eq!(
        values(
            store
                .list_user_ratings(UserRatings { user: &user(1), record_type: None, after: None, limit: 10 })
                .await
                .unwrap()
        ),
        [4]
    );
    let put = Write::Put(rating((0, 1), &mut StdRng::seed_from_u64(0)));
    store.apply(0, &Batch::of(vec![put])).await.unwrap();
    assert_eq!(store.get_aggregate(&record(0)).await.unwrap().unwrap().histogram.count(), 2);
    store.close().await;
}

pub(crate) async fn what_the_first_version_stored_in_sqlite_is_kept() {
    let file = File::new().unwrap();
    let first = include_str!("../../../schemas/rating/sqlite/0001_ratings.sql");
    let database = storage::sqlite::open(&file.path(), Synchronous::Normal).await.unwrap();
    migrate(&database.writer, &[Migration { version: 1, name: "ratings", sql: first }]).await.unwrap();
    sqlx::raw_sql(OLD_ROWS).execute(&database.writer).await.unwrap();
    database.close().await;
    drop(database);
    check_old(&open(&file, 2).await).await;
}

pub(crate) async fn what_the_first_version_stored_in_postgresql_is_kept() {
    let database = Database::create(&testing::server().unwrap()).await.unwrap();
    let first = include_str!("../../../schemas/rating/postgres/0001_ratings.sql");
    let pool = storage::postgres::open(&database.options(), "rating", 1).await.unwrap();
    pool.migrate(&[Migration { version: 1, name: "ratings", sql: first }]).await.unwrap();
    sqlx::raw_sql(OLD_ROWS).execute(&pool).await.unwrap();
    pool.close().await;
    check_old(&postgres::Repository::open(&database.options(), 1).await.unwrap()).await;
}
