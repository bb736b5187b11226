//! A sample store: numbers by keys in a table with an index of the numbers, and a copy in a second table.

use futures::future::poll_fn;
use memtable::{Memtable, Rows, StatementBatch, Table, WriteConnection};
use serde::Serialize;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use storage::Error;
use storage::sqlite::{Sqlite, Synchronous};

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS item (key INTEGER PRIMARY KEY, number INTEGER NOT NULL) STRICT;
    CREATE INDEX IF NOT EXISTS item_by_number ON item (number, key);
    CREATE TABLE IF NOT EXISTS item_journal (key INTEGER PRIMARY KEY, changes TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS copy (key INTEGER PRIMARY KEY, number INTEGER NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS copy_journal (key INTEGER PRIMARY KEY, changes TEXT NOT NULL) STRICT;";
const SCAN: &str =
    "SELECT key, number FROM item WHERE (number, key) > ($1, $2) ORDER BY number, key LIMIT $3";

/// A key with its number; `None` deletes it.
pub(crate) type Change = (i64, Option<i64>);

pub(crate) type Model = BTreeMap<i64, i64>;

/// The table `item` or its copy.
#[derive(Debug)]
pub(crate) struct Numbers<const COPY: bool>;

impl<const COPY: bool> Table for Numbers<COPY> {
    type Key = i64;
    type Row = Option<i64>;
    type Change = Change;

    const JOURNAL: &'static str = if COPY { "copy_journal" } else { "item_journal" };

    fn to_change(change: &Change) -> impl Serialize + Send + Sync {
        change
    }

    fn from_change(change: Change) -> Result<Change, Error> {
        Ok(change)
    }

    async fn merge(&self, rows: &[Change], batch: &mut StatementBatch<'_>) -> Result<(), Error> {
        let table = if COPY { "copy" } else { "item" };
        let insert = format!("INSERT OR REPLACE INTO {table} (key, number) VALUES ");
        let delete = format!("DELETE FROM {table} WHERE key IN (VALUES ");
        let (put, deleted): (Vec<Change>, Vec<Change>) = rows.iter().partition(|(_, row)| row.is_some());
        let statement = Rows { before: &insert, columns: 2, after: "" };
        batch
            .execute(statement, &put, |(key, number), parameters| {
                parameters.add(*key)?;
                parameters.add(*number)
            })
            .await?;
        let statement = Rows { before: &delete, columns: 1, after: ")" };
        batch.execute(statement, &deleted, |(key, _), parameters| parameters.add(*key)).await?;
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) database: Sqlite,
    pub(crate) items: Arc<Memtable<Numbers<false>>>,
    copies: Arc<Memtable<Numbers<true>>>,
    pub(crate) writer: WriteConnection,
}

impl Store {
    pub(crate) async fn open(path: &Path, capacity: usize) -> Self {
        let database = storage::sqlite::open(path, Synchronous::Normal).await.unwrap();
        sqlx::raw_sql(TABLES).execute(&database.writer).await.unwrap();
        let items = Arc::new(Memtable::new(Numbers, capacity));
        // Of another capacity, so that both are merged at different times.
        let copies = Arc::new(Memtable::new(Numbers, 2 * capacity));
        let connection = database.writer.acquire().await.unwrap().detach();
        let writer = WriteConnection::open(connection, vec![items.clone(), copies.clone()]).await.unwrap();
        Self { database, items, copies, writer }
    }

    pub(crate) async fn close(self) {
        self.database.close().await;
        self.writer.close().await;
    }

    /// Applies a batch to both tables in one transaction, which is rolled back if it `fails`.
    pub(crate) async fn apply(&self, batch: &[Change], fails: bool) -> Result<(), Error> {
        let mut transaction = self.writer.begin().await?;
        let done = async {
            transaction.put(&self.items, batch.to_vec()).await?;
            transaction.put(&self.copies, batch.to_vec()).await?;
            if fails { Err(Error::row("item", "the batch fails")) } else { Ok(()) }
        };
        let done = done.await;
        transaction.end(done).await
    }

    /// Makes memory follow a transaction whose outcome is unknown.
    pub(crate) async fn recover(&self) {
        let transaction = self.writer.begin().await.unwrap();
        transaction.end(Ok::<_, Error>(())).await.unwrap();
    }

    pub(crate) async fn get(&self, key: i64) -> Option<i64> {
        read(&self.items, &self.database, "item", key).await
    }

    /// Returns the first `limit` items after `after`, in the order of numbers and keys.
    pub(crate) async fn scan(&self, after: (i64, i64), limit: usize) -> Vec<(i64, i64)> {
        let (overlay, mut pending) = self.items.overlay(|key, number| {
            let place = ((*number)?, key);
            (place > after).then_some(place)
        });
        pending.sort_unstable();
        let query = |size| async move {
            let rows: Vec<(i64, i64)> = sqlx::query_as(SCAN)
                .bind(after.0)
                .bind(after.1)
                .bind(i64::try_from(size).unwrap())
                .fetch_all(&self.database.readers)
                .await?;
            Ok::<_, sqlx::Error>(rows.into_iter().map(|(key, number)| (key, (number, key))).collect())
        };
        overlay.page(limit, pending, query, Ord::cmp).await.unwrap()
    }

    /// Reads all of the first `keys` keys one by one from both tables, which must agree.
    pub(crate) async fn all(&self, keys: i64) -> Model {
        let mut model = Model::new();
        for key in 0..keys {
            let item = self.get(key).await;
            assert_eq!(item, read(&self.copies, &self.database, "copy", key).await, "key {key}");
            model.extend(item.map(|number| (key, number)));
        }
        model
    }

    /// Returns how many changes the journal of items holds.
    pub(crate) async fn journaled(&self) -> usize {
        let count = "SELECT coalesce(sum(json_array_length(changes)), 0) FROM item_journal";
        let count: i64 = sqlx::query_scalar(count).fetch_one(&self.database.readers).await.unwrap();
        usize::try_from(count).unwrap()
    }
}

async fn read<const COPY: bool>(
    memtable: &Memtable<Numbers<COPY>>,
    database: &Sqlite,
    table: &str,
    key: i64,
) -> Option<i64> {
    if let Some(row) = memtable.get(key) {
        return row;
    }
    let select = sqlx::AssertSqlSafe(format!("SELECT number FROM {table} WHERE key = $1"));
    sqlx::query_scalar(select).bind(key).fetch_optional(&database.readers).await.unwrap()
}

/// Applies a batch to a model.
pub(crate) fn follow(model: &mut Model, batch: &[Change]) {
    for (key, number) in batch {
        match number {
            Some(number) => model.insert(*key, *number),
            None => model.remove(key),
        };
    }
}

/// The items of a model in the order of a scan.
pub(crate) fn in_order(model: &Model) -> Vec<(i64, i64)> {
    let mut rows: Vec<(i64, i64)> = model.iter().map(|(key, number)| (*number, *key)).collect();
    rows.sort_unstable();
    rows
}

/// Polls `future` at most `polls` times after the first, and then drops it; `None` if it was not ready by then.
pub(crate) async fn poll_times<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let (mut future, mut left) = (pin!(future), polls);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
