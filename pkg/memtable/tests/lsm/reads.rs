//! Reads beside writes.

use crate::store::{Store, block_on};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use storage::testing::File;
use tokio::time::timeout;

const KEYS: usize = 9;

/// Rows move from memory to the table all the time; each is found exactly once, and its last committed version or later.
pub(crate) fn rows_are_never_older_than_last_commit_before_read() {
    block_on(async {
        let file = File::new().unwrap();
        let store = Arc::new(Store::open(&file.path(), 3).await);
        let committed: Arc<[AtomicI64; KEYS]> = Arc::default();
        let all: Vec<_> = (0..9).map(|key| (key, Some(0))).collect();
        store.apply(&all, false).await.unwrap();
        let done = Arc::new(AtomicBool::new(false));
        let reader = tokio::spawn({
            let (store, committed, done) = (Arc::clone(&store), Arc::clone(&committed), Arc::clone(&done));
            async move {
                let mut reads = 0;
                while !done.load(Ordering::Relaxed) {
                    let before = committed.each_ref().map(|number| number.load(Ordering::Acquire));
                    let rows = store.scan((-1, -1), 100).await;
                    let mut keys: Vec<i64> = rows.iter().map(|(_, key)| *key).collect();
                    keys.sort_unstable();
                    assert_eq!(keys, (0..9).collect::<Vec<i64>>());
                    for (number, key) in rows {
                        let key = usize::try_from(key).unwrap();
                        assert!(number >= before[key], "key {key}: {number} after {}", before[key]);
                    }
                    let key = reads % KEYS;
                    let before = committed[key].load(Ordering::Acquire);
                    assert!(store.get(i64::try_from(key).unwrap()).await.unwrap() >= before);
                    reads += 1;
                }
                reads
            }
        });
        for number in 1..600 {
            let keys = [number % 9, (number * 7) % 9];
            let mut batch: Vec<_> = keys.into_iter().map(|key| (key, Some(number))).collect();
            batch.sort_unstable();
            batch.dedup();
            store.apply(&batch, false).await.unwrap();
            for (key, _) in batch {
                committed[usize::try_from(key).unwrap()].store(number, Ordering::Release);
            }
        }
        done.store(true, Ordering::Relaxed);
        assert!(reader.await.unwrap() > 0);
    });
}

pub(crate) fn reads_do_not_wait_for_open_transaction() {
    block_on(async {
        let file = File::new().unwrap();
        let store = Store::open(&file.path(), 1).await;
        store.apply(&[(1, Some(1)), (2, Some(2))], false).await.unwrap();
        store.apply(&[(3, Some(3))], false).await.unwrap();
        let mut transaction = store.writer.begin().await.unwrap();
        transaction.put(&store.items, vec![(2, Some(4))]).await.unwrap();
        transaction.connection().await.unwrap();
        let read = async { (store.get(2).await, store.scan((0, 0), 2).await) };
        let (number, rows) = timeout(Duration::from_secs(5), read).await.unwrap();
        assert_eq!((number, rows), (Some(2), vec![(1, 1), (2, 2)]));
        transaction.end(Ok::<_, storage::Error>(())).await.unwrap();
        assert_eq!(store.get(2).await, Some(4));
        store.close().await;
    });
}
