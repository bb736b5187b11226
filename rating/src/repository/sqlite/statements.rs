//! The steps of a transaction in SQLite's words. Lists of names go through `json_each`, one parameter, however
//! long; rows of numbers as so many parameters, which spares SQLite the taking apart of JSON.

mod rows;

use super::aggregates::{self, Tally};
use super::memtable::{Found, Step};
use super::waiting::{Journals, Steps, Waiting, Written, to_journal};
use crate::batch::{Advance, Held};
use crate::repository::sql::{self, Changed, Changes, HeldRow, Pair};
use async_trait::async_trait;
use model::{Prior, Record, RecordType, UserId, Value};
use rows::{Errand, Rows};
use serde::Serialize;
use sqlx::SqliteConnection;
use sqlx::types::Json;
use std::collections::HashMap;
use storage::Error;

/// The keys of the names `$1`, each with its place among them.
pub(super) const FIND_RECORDS: &str = "SELECT n.key, r.key FROM json_each($1) AS n \
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
const DELETE: Rows =
    Rows { before: "DELETE FROM rating WHERE (rater, record) IN (VALUES ", columns: 2, after: ")" };
const PUT_AGGREGATES: Rows = Rows {
    before: "UPDATE OR FAIL aggregate SET h1 = n.column2, h2 = n.column3, h3 = n.column4, h4 = n.column5, \
         h5 = n.column6, h6 = n.column7, h7 = n.column8, h8 = n.column9, h9 = n.column10, h10 = n.column11, \
         revision = n.column12, weighted_mean = n.column13 FROM (VALUES ",
    columns: 3 + Value::COUNT,
    after: ") AS n WHERE aggregate.record = n.column1",
};
/// The changes of a batch, as the journals hold them.
const JOURNAL: Rows = Rows { before: "INSERT INTO journal (key, changes) VALUES ", columns: 2, after: "" };
const FORGET: Rows = Rows { before: "DELETE FROM journal WHERE key < ", columns: 1, after: "" };
const JOURNAL_AGGREGATES: Rows =
    Rows { before: "INSERT INTO aggregate_journal (key, changes) VALUES ", columns: 2, after: "" };
const FORGET_AGGREGATES: Rows =
    Rows { before: "DELETE FROM aggregate_journal WHERE key < ", columns: 1, after: "" };

/// A transaction of the connection that writes.
pub(super) struct Statements<'a> {
    connection: &'a mut SqliteConnection,
    waiting: &'a Waiting,
    journals: &'a Journals,
    /// The aggregates that may grow, as they stand before it.
    before: HashMap<i64, Tally>,
    /// What memory has to follow once the transaction is committed.
    pub(super) steps: Option<Steps>,
}

impl<'a> Statements<'a> {
    /// The steps of a transaction on `connection`.
    pub(super) fn new(
        connection: &'a mut SqliteConnection,
        waiting: &'a Waiting,
        journals: &'a Journals,
    ) -> Self {
        Self { connection, waiting, journals, before: HashMap::new(), steps: None }
    }
}

impl Statements<'_> {
    /// Lets the table of aggregates know all that waits for it.
    pub(super) async fn merge_aggregates(&mut self) -> Result<(), Error> {
        let ratings = self.journals.ratings.step(Vec::new(), &self.waiting.ratings);
        let aggregates = self.journals.aggregates.merge_all(&self.waiting.aggregates);
        self.take(Steps { ratings, aggregates }).await
    }

    async fn take(&mut self, steps: Steps) -> Result<(), Error> {
        let mut errand = Errand::new(self.connection);
        put_ratings(&mut errand, &steps.ratings).await?;
        put_aggregates(&mut errand, &steps.aggregates, self.waiting.prior()).await?;
        errand.finish().await?;
        self.steps = Some(steps);
        Ok(())
    }

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

    /// Reads them: the transaction has the whole database.
    async fn lock_aggregates(&mut self, records: &[i64]) -> Result<(), Error> {
        let Found { written, others } = self.waiting.aggregates.find(records.iter().copied());
        self.before.extend(written.into_iter().map(|(place, tally)| (records[place], tally)));
        let others: Vec<i64> = others.into_iter().map(|(_, record)| record).collect();
        for some in others.chunks(Rows::MOST) {
            self.before.extend(aggregates::stored(&mut *self.connection, some).await?);
        }
        Ok(())
    }

    async fn held(&mut self, pairs: &[Pair]) -> Result<Vec<(usize, Held)>, Error> {
        let Found { written, others } = self.waiting.ratings.find(pairs.iter().copied());
        let mut held: Vec<(usize, Held)> =
            written.into_iter().filter_map(|(place, held)| Some((place, held?))).collect();
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
        let row = |changed: &Changed<'_>| (changed.pair, changed.rating.map(Held::from));
        let rows: Vec<Written> = changes.rows.iter().map(row).collect();
        let mut grown = Vec::with_capacity(changes.grown.len());
        for sql::Grown { record, change } in &changes.grown {
            let before = self.before.get(record);
            let before =
                before.ok_or_else(|| Error::row("aggregate", format!("record {record} has none")))?;
            grown.push((*record, before.after(change)));
        }
        let ratings = self.journals.ratings.step(rows, &self.waiting.ratings);
        let aggregates = self.journals.aggregates.step(grown, &self.waiting.aggregates);
        self.take(Steps { ratings, aggregates }).await
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

async fn put_ratings(errand: &mut Errand<'_>, step: &Step<Pair, Option<Held>>) -> Result<(), Error> {
    let Step { key, changes, merged, forgotten } = step;
    let batch: &[_] = if changes.is_empty() { &[] } else { &[(key, changes)] };
    errand
        .execute(JOURNAL, batch, |(key, rows), parameters| {
            parameters.add(**key)?;
            parameters.add(Json(rows.iter().map(to_journal).collect::<Vec<_>>()))
        })
        .await?;
    let (put, deleted): (Vec<&Written>, Vec<&Written>) = merged.iter().partition(|(_, held)| held.is_some());
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
    errand.execute(FORGET, forgotten.as_slice(), |key, parameters| parameters.add(*key)).await?;
    Ok(())
}

async fn put_aggregates(errand: &mut Errand<'_>, step: &Step<i64, Tally>, prior: Prior) -> Result<(), Error> {
    let Step { key, changes, merged, forgotten } = step;
    let batch: &[_] = if changes.is_empty() { &[] } else { &[(key, changes)] };
    errand
        .execute(JOURNAL_AGGREGATES, batch, |(key, rows), parameters| {
            parameters.add(**key)?;
            parameters.add(Json(rows.iter().map(aggregates::to_row).collect::<Vec<_>>()))
        })
        .await?;
    errand
        .execute(PUT_AGGREGATES, merged, |row, parameters| {
            aggregates::to_row(row).into_iter().try_for_each(|number| parameters.add(number))?;
            parameters.add(prior.weighted_mean(&row.1.histogram))
        })
        .await?;
    errand.execute(FORGET_AGGREGATES, forgotten.as_slice(), |key, parameters| parameters.add(*key)).await?;
    Ok(())
}
