//! Writes that the database refuses because it has no room.

use super::super::Repository;
use super::*;
use crate::batch::{Batch, Write};
use crate::repository::{Batches as _, Ratings as _, Repository as _};
use fault::{Fault, Kind};
use model::{Rating, Record, RecordId, RecordType, Timestamp, UserId, Value};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sqlx::AssertSqlSafe;
use std::collections::BTreeMap;
use storage::sqlite::Synchronous;
use storage::testing::File;

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
    let mut open = store.lane.open.lock().await;
    let connection = &mut open.as_mut().unwrap().connection;
    let count: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut *connection).await.unwrap();
    let limit = AssertSqlSafe(format!("PRAGMA max_page_count = {}", count + pages));
    sqlx::query(limit).execute(connection).await.unwrap();
}

/// Remembers an aggregate that no journal has, so that it is gone once the journals are read again.
async fn mark(store: &Repository) {
    store.lane.open.lock().await.as_mut().unwrap().journals.merged.insert(i64::MIN, Tally::default());
}

async fn is_marked(store: &Repository) -> bool {
    store.lane.open.lock().await.as_mut().unwrap().journals.merged.get(&i64::MIN).is_some()
}

async fn check(store: &Repository, model: &Model) {
    let mut counts: BTreeMap<&Record, u64> = BTreeMap::new();
    for rating in model.values() {
        *counts.entry(&rating.record).or_default() += 1;
        let stored = store.get_rating(&rating.record, &rating.user_id).await.unwrap();
        assert_eq!(stored.as_ref(), Some(rating));
    }
    for (record, count) in counts {
        let stored = store.get_aggregate(record).await.unwrap().unwrap();
        assert_eq!(stored.histogram.count(), count, "{record:?}");
    }
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
                    // It merges the aggregates, for which there may be no room either.
                    let _ = store.list_top_rated(&RecordType::movie(), 1, None, 10).await;
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
