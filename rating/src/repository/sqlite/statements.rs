//! The steps of a transaction in SQLite's words. Lists of names go through `json_each`, one parameter, however
//! long; rows of numbers as so many parameters, which spares SQLite the taking apart of JSON.

mod rows;

use super::memtable::{Found, Journal, Loading, Memtable, Pair, Row, Step};
use crate::batch::{Advance, Held};
use crate::repository::sql::{self, Changes, Grown, HeldRow};
use async_trait::async_trait;
use futures::TryStreamExt;
use model::{Record, RecordType, UserId};
use rows::{Errand, Rows};
use serde::Serialize;
use sqlx::SqliteConnection;
use sqlx::types::Json;
use storage::Error;

const FIND_RECORDS: &str = "SELECT n.key, r.key FROM json_each($1) AS n \
     CROSS JOIN record AS r ON r.record_type = n.value ->> 0 AND r.record_id = n.value ->> 1";
const LAST_RECORD: &str = "SELECT coalesce(max(key), 0) FROM record";
const ADD_RECORDS: &str = "INSERT INTO record (key, record_type, record_id) \
     SELECT key + $2, value ->> 0, value ->> 1 FROM json_each($1)";
const FIND_RATERS: &str =
    "SELECT n.key, r.key FROM json_each($1) AS n CROSS JOIN rater AS r ON r.user_id = n.value";
const LAST_RATER: &str = "SELECT coalesce(max(key), 0) FROM rater";
const ADD_RATERS: &str = "INSERT INTO rater (key, user_id) SELECT key + $2, value FROM json_each($1)";
const ADD_AGGREGATES: &str = "INSERT INTO aggregate (record, record_type) \
     SELECT value ->> 0, value ->> 1 FROM json_each($1) WHERE true ON CONFLICT DO NOTHING";
const HELD: Rows = Rows {
    before: "SELECT json_group_array(json_array(n.column1, r.value, r.provider_id, r.rated_at)) FROM (VALUES ",
    columns: 3,
    after: ") AS n CROSS JOIN rating AS r ON r.rater = n.column2 AND r.record = n.column3",
};
// `OR FAIL`: what fails is undone with its transaction, so that a statement need not keep what would undo it alone.
const PUT: Rows = Rows {
    before: "INSERT OR FAIL INTO rating (rater, record, provider_id, value, rated_at) VALUES ",
    columns: 5,
    after: " ON CONFLICT (rater, record) DO UPDATE SET \
     provider_id = excluded.provider_id, value = excluded.value, rated_at = excluded.rated_at",
};
/// The changes of a batch, as `journal` holds them.
const JOURNAL: Rows = Rows { before: "INSERT INTO journal (key, changes) VALUES ", columns: 2, after: "" };
const JOURNALED: &str = "SELECT key, changes FROM journal ORDER BY key";
const FORGET: Rows = Rows { before: "DELETE FROM journal WHERE key < ", columns: 1, after: "" };
const DELETE: Rows =
    Rows { before: "DELETE FROM rating WHERE (rater, record) IN (VALUES ", columns: 2, after: ")" };
const GROW: Rows = Rows {
    before: concat!(
        "UPDATE OR FAIL ",
        sql::grow!(),
        "(SELECT column1 AS record, column2 AS revisions, column3 AS count_grown, column4 AS sum_grown, \
         column5 AS d1, column6 AS d2, column7 AS d3, column8 AS d4, column9 AS d5, \
         column10 AS d6, column11 AS d7, column12 AS d8, column13 AS d9, column14 AS d10 FROM (VALUES "
    ),
    columns: Grown::COLUMNS,
    after: ")) AS n WHERE aggregate.record = n.record",
};

/// A change in the journal: rater, record, value, provider, time; no value where the rating is gone.
type JournalRow = (i64, i64, Option<i64>, Option<String>, i64);

/// A transaction of the connection that writes.
pub(super) struct Statements<'a> {
    connection: &'a mut SqliteConnection,
    memtable: &'a Memtable,
    journal: &'a Journal,
    /// What memory has to follow once the transaction is committed.
    pub(super) step: Option<Step>,
}

impl<'a> Statements<'a> {
    /// The steps of a transaction on `connection`.
    pub(super) const fn new(
        connection: &'a mut SqliteConnection,
        memtable: &'a Memtable,
        journal: &'a Journal,
    ) -> Self {
        Self { connection, memtable, journal, step: None }
    }
}

/// Reads the journal, of which some `most` rows are kept in memory, into `memtable`.
pub(super) async fn load(
    connection: &mut SqliteConnection,
    memtable: &Memtable,
    most: usize,
) -> Result<Journal, Error> {
    let mut loading = Loading::new(most);
    let mut batches = sqlx::query_as(JOURNALED).fetch(connection);
    while let Some((key, Json(changes))) = batches.try_next().await? {
        let changes: Vec<JournalRow> = changes;
        loading.add(key, changes.into_iter().map(journaled).collect::<Result<_, _>>()?);
    }
    Ok(loading.finish(memtable))
}

/// Turns a change in the journal into a row.
fn journaled((rater, record, value, provider, rated_at): JournalRow) -> Result<Row, Error> {
    let held = value.map(|value| sql::held((0, value, provider, rated_at))).transpose()?;
    Ok(((rater, record), held.map(|(_, held)| held)))
}

/// Turns a row into a change in the journal.
fn to_journal(((rater, record), held): &Row) -> (i64, i64, Option<u8>, Option<&str>, i64) {
    match held {
        Some(Held { value, provider_id, rated_at }) => {
            let provider = provider_id.as_ref().map(|id| id.as_str());
            (*rater, *record, Some(value.get()), provider, rated_at.as_millis())
        }
        None => (*rater, *record, None, None, 0),
    }
}

/// The rows that `changes` leave, in the table's order.
fn left(changes: &Changes<'_>) -> Vec<Row> {
    let put = changes.added.iter().chain(&changes.replaced);
    let put = put.map(|&(rater, record, rating)| ((rater, record), Some(Held::from(rating))));
    let mut rows: Vec<Row> = put.chain(changes.deleted.iter().map(|pair| (*pair, None))).collect();
    rows.sort_unstable_by_key(|(pair, _)| *pair);
    rows
}

impl Statements<'_> {
    async fn find(
        &mut self,
        statement: &'static str,
        names: impl Serialize + Sync,
    ) -> Result<Vec<(usize, i64)>, Error> {
        let rows: Vec<(i64, i64)> =
            sqlx::query_as(statement).bind(Json(names)).fetch_all(&mut *self.connection).await?;
        Ok(rows.into_iter().map(|(place, key)| (sql::place(place), key)).collect())
    }

    /// Gives names the keys that follow the last one: nobody else writes, so none is taken meanwhile.
    async fn add(
        &mut self,
        last: &'static str,
        statement: &'static str,
        names: &[impl Serialize + Sync],
    ) -> Result<Vec<(usize, i64)>, Error> {
        let last: i64 = sqlx::query_scalar(last).fetch_one(&mut *self.connection).await?;
        sqlx::query(statement).bind(Json(names)).bind(last + 1).execute(&mut *self.connection).await?;
        Ok((0..names.len()).zip(last + 1..).collect())
    }
}

fn names<'a>(records: &[&'a Record]) -> Vec<(&'a str, &'a str)> {
    records.iter().map(|record| (record.record_type.as_str(), record.record_id.as_str())).collect()
}

#[async_trait]
impl sql::Statements for Statements<'_> {
    async fn find_records(&mut self, records: &[&Record]) -> Result<Vec<(usize, i64)>, Error> {
        self.find(FIND_RECORDS, names(records)).await
    }

    async fn add_records(&mut self, records: &[&Record]) -> Result<Vec<(usize, i64)>, Error> {
        self.add(LAST_RECORD, ADD_RECORDS, &names(records)).await
    }

    async fn find_raters(&mut self, users: &[&UserId]) -> Result<Vec<(usize, i64)>, Error> {
        self.find(FIND_RATERS, users).await
    }

    async fn add_raters(&mut self, users: &[&UserId]) -> Result<Vec<(usize, i64)>, Error> {
        self.add(LAST_RATER, ADD_RATERS, users).await
    }

    async fn add_aggregates(&mut self, records: &[(i64, &RecordType)]) -> Result<(), Error> {
        sqlx::query(ADD_AGGREGATES).bind(Json(records)).execute(&mut *self.connection).await?;
        Ok(())
    }

    /// Does nothing: the transaction has the whole database.
    async fn lock_aggregates(&mut self, _records: &[i64]) -> Result<(), Error> {
        Ok(())
    }

    async fn held(&mut self, pairs: &[Pair]) -> Result<Vec<(usize, Held)>, Error> {
        let Found { mut held, others } = self.memtable.held(pairs);
        let numbered: Vec<(i64, Pair)> =
            others.into_iter().map(|(place, pair)| (sql::number(place), pair)).collect();
        let found = rows::fetch(self.connection, HELD, &numbered, |(place, (rater, record)), parameters| {
            [place, rater, record].into_iter().try_for_each(|number| parameters.add(*number))
        });
        let found: Vec<HeldRow> = found.await?;
        for row in found {
            held.push(sql::held(row)?);
        }
        Ok(held)
    }

    async fn write(&mut self, changes: &Changes<'_>) -> Result<(), Error> {
        let step = self.journal.step(left(changes), self.memtable);
        let mut errand = Errand::new(self.connection);
        errand
            .execute(JOURNAL, &[(step.key, &step.changes)], |(key, rows), parameters| {
                parameters.add(*key)?;
                parameters.add(Json(rows.iter().map(to_journal).collect::<Vec<_>>()))
            })
            .await?;
        let (put, deleted): (Vec<&Row>, Vec<&Row>) = step.merged.iter().partition(|(_, held)| held.is_some());
        errand
            .execute(PUT, &put, |((rater, record), held), parameters| {
                parameters.add(*rater)?;
                parameters.add(*record)?;
                let held = held.as_ref();
                parameters
                    .add(held.and_then(|held| held.provider_id.as_ref()).map(|id| id.as_str().to_owned()))?;
                parameters.add(held.map(|held| held.value.get()))?;
                parameters.add(held.map(|held| held.rated_at.as_millis()))
            })
            .await?;
        errand
            .execute(DELETE, &deleted, |((rater, record), _), parameters| {
                parameters.add(*rater)?;
                parameters.add(*record)
            })
            .await?;
        errand
            .execute(GROW, &changes.grown, |grown, parameters| {
                grown.columns().into_iter().try_for_each(|column| parameters.add(column))
            })
            .await?;
        errand.execute(FORGET, step.forgotten.as_slice(), |key, parameters| parameters.add(*key)).await?;
        errand.finish().await?;
        self.step = Some(step);
        Ok(())
    }

    async fn advance(&mut self, step: &Advance) -> Result<bool, Error> {
        let Advance { partition, from, to } = step;
        let mut query = sqlx::query(if from.is_some() { sql::NEXT_POSITION } else { sql::FIRST_POSITION })
            .bind(&partition.cluster)
            .bind(&partition.topic)
            .bind(partition.partition)
            .bind(to.next_offset)
            .bind(to.last_timestamp)
            .bind(to.last_digest);
        if let Some(from) = from {
            query = query.bind(from);
        }
        Ok(query.execute(&mut *self.connection).await?.rows_affected() == 1)
    }
}
