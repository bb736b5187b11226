//! The steps of a transaction in SQLite's words. Lists of names go through `json_each`, one parameter, however
//! long; rows of numbers as so many parameters, which spares SQLite the taking apart of JSON.

mod rows;

use super::aggregates::{self, TALLIES, Tally, TallyRow};
use super::memtable::{Found, Step};
use super::turn::Turn;
use super::waiting::{Steps, Written, to_journal};
use crate::batch::{Advance, StoredRating};
use crate::repository::sql::{Changed, Changes, Pair, StoredRow};
use crate::repository::{self, sql};
use async_trait::async_trait;
use foldhash::{HashMap, HashMapExt};
use model::{Prior, Record, RecordType, UserId, Value};
use rows::{Errand, Parameters, Rows, Statement};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
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

/// The steps of a turn's transaction.
pub(super) struct Statements<'a> {
    turn: Turn<'a>,
    /// The aggregates that may grow, as they stand before it.
    before: HashMap<i64, Tally>,
    /// The aggregates that it has read from the table; memory keeps them once the transaction is committed.
    read: Vec<(i64, Tally)>,
    /// What memory has to follow once the transaction is committed.
    steps: Option<Steps>,
}

impl<'a> Statements<'a> {
    /// No step yet.
    pub(super) fn new(turn: Turn<'a>) -> Self {
        Self { turn, before: HashMap::new(), read: Vec::new(), steps: None }
    }

    /// Commits where `done` went well, or rolls back.
    pub(super) async fn end<T>(
        self,
        done: Result<T, impl Into<repository::Error>>,
    ) -> Result<T, repository::Error> {
        self.turn.end(done, self.read, self.steps).await
    }

    /// Lets the table of aggregates know all that waits for it.
    pub(super) async fn merge_aggregates(&mut self) -> Result<(), Error> {
        let (waiting, journals) = (self.turn.waiting(), self.turn.journals());
        let ratings = journals.ratings.step(Vec::new(), &waiting.ratings);
        let aggregates = journals.aggregates.merge_all(&waiting.aggregates);
        self.take(ratings, aggregates).await
    }

    /// Forgets the positions of `topic`.
    pub(super) async fn forget_positions(&mut self, topic: &str) -> Result<(), Error> {
        sqlx::query(sql::FORGET_POSITIONS).bind(topic).execute(self.turn.begun().await?).await?;
        Ok(())
    }

    /// Stores `prior`; where it is another one, weighs every aggregate of the table anew.
    pub(super) async fn set_prior(&mut self, prior: Prior) -> Result<(), Error> {
        let connection = self.turn.begun().await?;
        let set = sqlx::query(sql::SET_PRIOR).bind(prior.weight()).bind(prior.mean());
        if set.execute(&mut *connection).await?.rows_affected() > 0 {
            sqlx::query(sql::RECOMPUTE_WEIGHTED_MEANS).execute(connection).await?;
        }
        self.steps = Some(Steps::Weighed(prior));
        Ok(())
    }

    /// Takes what memory has of the aggregates of `records`, and returns those of which it has nothing.
    fn take_known(&mut self, records: &[i64]) -> Vec<i64> {
        let Found { written, others } = self.turn.waiting().aggregates.find(records.iter().copied());
        self.before.extend(written.into_iter().map(|(place, tally)| (records[place], tally)));
        let merged = &mut self.turn.journals().merged;
        let mut unknown = Vec::new();
        for (_, record) in others {
            match merged.get(&record) {
                Some(tally) => _ = self.before.insert(record, tally),
                None => unknown.push(record),
            }
        }
        unknown
    }

    async fn take(
        &mut self,
        ratings: Step<Pair, Option<StoredRating>>,
        aggregates: Step<i64, Tally>,
    ) -> Result<(), Error> {
        let prior = self.turn.waiting().prior();
        let (connection, begins, ends) = self.turn.writing();
        let mut errand = Errand::new(connection, begins);
        put_ratings(&mut errand, &ratings).await?;
        put_aggregates(&mut errand, &aggregates, prior).await?;
        errand.finish(ends).await?;
        self.steps = Some(Steps::Written { ratings, aggregates });
        Ok(())
    }

    async fn find(
        &mut self,
        statement: &'static str,
        names: impl Serialize + Sync,
    ) -> Result<Vec<(usize, i64)>, Error> {
        let rows: Vec<(i64, i64)> =
            sqlx::query_as(statement).bind(Json(names)).fetch_all(self.turn.begun().await?).await?;
        Ok(rows.into_iter().map(|(place, key)| (sql::place(place), key)).collect())
    }

    /// Gives names the keys that follow the last one: nobody else writes, so none is taken meanwhile.
    async fn add(
        &mut self,
        last: &'static str,
        statement: &'static str,
        names: &[impl Serialize + Sync],
    ) -> Result<Vec<(usize, i64)>, Error> {
        let connection = self.turn.begun().await?;
        let last: i64 = sqlx::query_scalar(last).fetch_one(&mut *connection).await?;
        sqlx::query(statement).bind(Json(names)).bind(last + 1).execute(connection).await?;
        Ok((0..names.len()).zip(last + 1..).collect())
    }
}

/// The rows of a JSON array that SQLite has made of a table's.
fn parsed<'t, R: Deserialize<'t>>(table: &str, rows: &'t str) -> Result<Vec<R>, Error> {
    serde_json::from_str(rows).map_err(|error| Error::row(table, error))
}

fn names<'a>(records: &[&'a Record]) -> Vec<(&'a str, &'a str)> {
    records.iter().map(|record| (record.record_type.as_str(), record.record_id.as_str())).collect()
}

#[async_trait]
impl sql::KeyStatements for Statements<'_> {
    async fn find_records(&mut self, records: &[&Record]) -> Result<Vec<(usize, i64)>, Error> {
        self.find(FIND_RECORDS, names(records)).await
    }

    async fn add_records(&mut self, records: &[&Record]) -> Result<Vec<(usize, i64)>, Error> {
        self.add(LAST_RECORD, ADD_RECORDS, &names(records)).await
    }

    async fn find_users(&mut self, users: &[&UserId]) -> Result<Vec<(usize, i64)>, Error> {
        self.find(FIND_RATERS, users).await
    }

    async fn add_users(&mut self, users: &[&UserId]) -> Result<Vec<(usize, i64)>, Error> {
        self.add(LAST_RATER, ADD_RATERS, users).await
    }

    async fn add_aggregates(&mut self, records: &[(i64, &RecordType)]) -> Result<(), Error> {
        sqlx::query(ADD_AGGREGATES).bind(Json(records)).execute(self.turn.begun().await?).await?;
        Ok(())
    }
}

#[async_trait]
impl sql::Statements for Statements<'_> {
    /// Reads both at once and locks nothing: the transaction has the whole database.
    async fn lock_and_read(
        &mut self,
        records: &[i64],
        pairs: &[Pair],
    ) -> Result<Vec<(usize, StoredRating)>, Error> {
        let unknown = self.take_known(records);
        let Found { written, others } = self.turn.waiting().ratings.find(pairs.iter().copied());
        let mut held: Vec<(usize, StoredRating)> =
            written.into_iter().filter_map(|(place, held)| Some((place, held?))).collect();
        if unknown.is_empty() && others.is_empty() {
            return Ok(held);
        }

        let (connection, begins) = self.turn.beginning();
        let (mut asked, mut tallies) = (Statement::beginning(begins), None);
        if !unknown.is_empty() {
            asked.push_with(TALLIES, Json(&unknown))?;
        }
        let add = |&(place, (rater, record)): &(usize, Pair), parameters: &mut Parameters| {
            [sql::number(place), rater, record].into_iter().try_for_each(|number| parameters.add(number))
        };
        let take = |found: String| {
            if !unknown.is_empty() && tallies.is_none() {
                tallies = Some(parsed::<TallyRow>("aggregate", &found)?);
            } else {
                for row in parsed::<StoredRow>("rating", &found)? {
                    held.push(sql::stored(row)?);
                }
            }
            Ok(())
        };
        rows::fetch(connection, asked, HELD, &others, add, take).await?;
        for (record, tally) in tallies.into_iter().flatten().map(aggregates::tally) {
            self.read.push((record, tally));
            self.before.insert(record, tally);
        }
        Ok(held)
    }

    async fn write(&mut self, changes: &Changes<'_>) -> Result<(), Error> {
        let row = |changed: &Changed<'_>| (changed.pair, changed.rating.map(StoredRating::from));
        let rows: Vec<Written> = changes.rows.iter().map(row).collect();
        let mut grown = Vec::with_capacity(changes.grown.len());
        for sql::Grown { record, change } in &changes.grown {
            let before = self.before.get(record);
            let before =
                before.ok_or_else(|| Error::row("aggregate", format!("record {record} has none")))?;
            grown.push((*record, before.after(change)));
        }
        let (waiting, journals) = (self.turn.waiting(), self.turn.journals());
        let ratings = journals.ratings.step(rows, &waiting.ratings);
        let aggregates = journals.aggregates.step(grown, &waiting.aggregates);
        self.take(ratings, aggregates).await
    }

    async fn advance(&mut self, step: &Advance) -> Result<bool, Error> {
        let Advance { partition, from, to } = step;
        let mut query = sqlx::query(if from.is_some() { sql::NEXT_POSITION } else { sql::FIRST_POSITION })
            .bind(&partition.cluster)
            .bind(&partition.topic)
            .bind(partition.partition)
            .bind(to.next_offset)
            .bind(to.last_timestamp)
            .bind(to.last_digest)
            .bind(to.skipped);
        if let Some(from) = from {
            query = query.bind(from);
        }
        Ok(query.execute(self.turn.begun().await?).await?.rows_affected() == 1)
    }
}

/// Adds a batch's rows to a journal, unless there are none.
async fn add_to<R: Serialize + Sync>(
    journal: Rows,
    errand: &mut Errand<'_>,
    key: i64,
    rows: Vec<R>,
) -> Result<(), Error> {
    let batch: &[_] = if rows.is_empty() { &[] } else { &[(key, Json(rows))] };
    let add = |(key, rows): &(i64, Json<Vec<R>>), parameters: &mut Parameters| {
        parameters.add(*key)?;
        parameters.add(rows)
    };
    Ok(errand.execute(journal, batch, add).await?)
}

async fn put_ratings(errand: &mut Errand<'_>, step: &Step<Pair, Option<StoredRating>>) -> Result<(), Error> {
    let Step { key, changes, merged, forgotten } = step;
    add_to(JOURNAL, errand, *key, changes.iter().map(to_journal).collect()).await?;
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
    add_to(JOURNAL_AGGREGATES, errand, *key, changes.iter().map(aggregates::to_row).collect()).await?;
    errand
        .execute(PUT_AGGREGATES, merged, |row, parameters| {
            aggregates::to_row(row).into_iter().try_for_each(|number| parameters.add(number))?;
            parameters.add(prior.weighted_mean(&row.1.histogram))
        })
        .await?;
    errand.execute(FORGET_AGGREGATES, forgotten.as_slice(), |key, parameters| parameters.add(*key)).await?;
    Ok(())
}
