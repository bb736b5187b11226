//! The steps of a transaction in SQLite's words. Lists of names go through `json_each`, one parameter, however
//! long; rows of numbers as so many parameters, which spares SQLite the taking apart of JSON.

mod rows;

use super::aggregates::{self, Tally};
use super::memtable::{Found, Step};
use super::waiting::{Journals, Steps, Waiting, Written, to_journal};
use crate::batch::{Advance, Held};
use crate::repository::sql::{self, Changed, Changes, HeldRow, Pair};
use async_trait::async_trait;
use foldhash::{HashMap, HashMapExt};
use model::{Prior, Record, RecordType, UserId, Value};
use rows::{Errand, Rows};
use serde::Serialize;
use sqlx::SqliteConnection;
use sqlx::types::Json;
use storage::Error;
use storage::sqlite::BEGIN;

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

const COMMIT: &str = "COMMIT";

/// A transaction of the connection that writes. It begins with its first statement and ends, where that is known to be
/// the last one, with it: each turn of the database's thread takes as long as many of its statements.
pub(super) struct Statements<'a> {
    connection: &'a mut SqliteConnection,
    stage: Stage,
    /// Whether nothing comes after what is written.
    ends_written: bool,
    waiting: &'a Waiting,
    journals: &'a Journals,
    /// The aggregates that may grow, as they stand before it.
    before: HashMap<i64, Tally>,
    /// What memory has to follow once the transaction is committed.
    steps: Option<Steps>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Before,
    Begun,
    Committing,
}

impl<'a> Statements<'a> {
    /// The steps of a transaction on `connection`, of which writing is the last where `ends_written`.
    pub(super) fn new(
        connection: &'a mut SqliteConnection,
        waiting: &'a Waiting,
        journals: &'a Journals,
        ends_written: bool,
    ) -> Self {
        let before = HashMap::new();
        Self { connection, stage: Stage::Before, ends_written, waiting, journals, before, steps: None }
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
        let (prior, begins) = (self.waiting.prior(), self.begins());
        if self.ends_written {
            self.stage = Stage::Committing;
        }
        let mut errand = Errand::new(self.connection, begins);
        put_ratings(&mut errand, &steps.ratings).await?;
        put_aggregates(&mut errand, &steps.aggregates, prior).await?;
        errand.finish(self.ends_written.then_some(COMMIT)).await?;
        self.steps = Some(steps);
        Ok(())
    }

    /// The connection, on which the transaction has begun.
    async fn begun(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        if let Some(begin) = self.begins() {
            sqlx::query(begin).execute(&mut *self.connection).await?;
        }
        Ok(self.connection)
    }

    /// What the next statement must begin with.
    fn begins(&mut self) -> Option<&'static str> {
        let before = std::mem::replace(&mut self.stage, Stage::Begun);
        (before == Stage::Before).then_some(BEGIN)
    }

    /// Commits what is not committed yet, and returns what memory has to follow.
    pub(super) async fn commit(&mut self) -> Result<Option<Steps>, Error> {
        if self.stage == Stage::Begun {
            self.stage = Stage::Committing;
            sqlx::query(COMMIT).execute(&mut *self.connection).await?;
        }
        Ok(self.steps.take())
    }

    /// Whether it may have been committed.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.stage == Stage::Committing
    }

    async fn find(
        &mut self,
        statement: &'static str,
        names: impl Serialize + Sync,
    ) -> Result<Vec<(usize, i64)>, Error> {
        let rows: Vec<(i64, i64)> =
            sqlx::query_as(statement).bind(Json(names)).fetch_all(self.begun().await?).await?;
        Ok(rows.into_iter().map(|(place, key)| (sql::place(place), key)).collect())
    }

    /// Gives names the keys that follow the last one: nobody else writes, so none is taken meanwhile.
    async fn add(
        &mut self,
        last: &'static str,
        statement: &'static str,
        names: &[impl Serialize + Sync],
    ) -> Result<Vec<(usize, i64)>, Error> {
        let last: i64 = sqlx::query_scalar(last).fetch_one(self.begun().await?).await?;
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
        sqlx::query(ADD_AGGREGATES).bind(Json(records)).execute(self.begun().await?).await?;
        Ok(())
    }

    /// Reads them: the transaction has the whole database.
    async fn lock_aggregates(&mut self, records: &[i64]) -> Result<(), Error> {
        let Found { written, others } = self.waiting.aggregates.find(records.iter().copied());
        self.before.extend(written.into_iter().map(|(place, tally)| (records[place], tally)));
        let others: Vec<i64> = others.into_iter().map(|(_, record)| record).collect();
        for some in others.chunks(Rows::MOST) {
            let stored = aggregates::stored(self.begun().await?, some).await?;
            self.before.extend(stored);
        }
        Ok(())
    }

    async fn held(&mut self, pairs: &[Pair]) -> Result<Vec<(usize, Held)>, Error> {
        let Found { written, others } = self.waiting.ratings.find(pairs.iter().copied());
        let mut held: Vec<(usize, Held)> =
            written.into_iter().filter_map(|(place, held)| Some((place, held?))).collect();
        let numbered: Vec<(i64, Pair)> =
            others.into_iter().map(|(place, pair)| (sql::number(place), pair)).collect();
        if numbered.is_empty() {
            return Ok(held);
        }
        let begins = self.begins();
        let found =
            rows::fetch(self.connection, begins, HELD, &numbered, |(place, (rater, record)), parameters| {
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
        Ok(query.execute(self.begun().await?).await?.rows_affected() == 1)
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
