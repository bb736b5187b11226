//! The steps of a transaction in SQLite's dialect. Lists of names are passed through `json_each`, one parameter for any
//! length; rows of numbers as a parameter each, which spares SQLite parsing JSON.

use super::tables::{self, Pending, TALLIES, Tally, TallyRow, WrittenRating};
use crate::batch::{Advance, StoredRating};
use crate::repository::sql::{self, Changed, Changes, Pair, StoredRow};
use async_trait::async_trait;
use foldhash::{HashMap, HashMapExt};
use memtable::{Lookup, Parameters, Rows, WriteTransaction};
use model::{Prior, Record, RecordType, UserId};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use std::sync::Arc;
use storage::Error;

/// The keys of the names `$1`, each with its position among them.
pub(super) const FIND_RECORDS: &str = "SELECT n.key, r.key FROM json_each($1) AS n \
     CROSS JOIN record AS r ON r.record_type = n.value ->> 0 AND r.record_id = n.value ->> 1";
const LAST_RECORD: &str = "SELECT coalesce(max(key), 0) FROM record";
const ADD_RECORDS: &str = "INSERT INTO record (key, record_type, record_id) \
     SELECT key + $2, value ->> 0, value ->> 1 FROM json_each($1)";
const FIND_USERS: &str =
    "SELECT n.key, r.key FROM json_each($1) AS n CROSS JOIN rater AS r ON r.user_id = n.value";
const LAST_USER: &str = "SELECT coalesce(max(key), 0) FROM rater";
const ADD_USERS: &str = "INSERT INTO rater (key, user_id) SELECT key + $2, value FROM json_each($1)";
const ADD_AGGREGATES: &str = "INSERT INTO aggregate (record, record_type) \
     SELECT value ->> 0, value ->> 1 FROM json_each($1) WHERE true ON CONFLICT DO NOTHING";
const READ: Rows<'_> = Rows {
    before: "SELECT json_group_array(json_array(n.column1, r.value, r.provider_id, r.rated_at)) FROM (VALUES ",
    columns: 3,
    after: ") AS n CROSS JOIN rating AS r ON r.rater = n.column2 AND r.record = n.column3",
};

/// The steps of a transaction on the write connection.
pub(super) struct Statements<'a> {
    transaction: WriteTransaction<'a>,
    pending: &'a Pending,
    /// The aggregates that may grow, with their values before the transaction.
    before: HashMap<i64, Tally>,
}

impl<'a> Statements<'a> {
    /// Returns the steps of `transaction`, in which nothing has been done yet.
    pub(super) fn new(transaction: WriteTransaction<'a>, pending: &'a Pending) -> Self {
        Self { transaction, pending, before: HashMap::new() }
    }

    /// Commits if `done` is a success, otherwise rolls back.
    pub(super) async fn end<T, E: From<Error>>(self, done: Result<T, E>) -> Result<T, E> {
        self.transaction.end(done).await
    }

    /// Deletes the positions of `topic`.
    pub(super) async fn forget_positions(&mut self, topic: &str) -> Result<(), Error> {
        sqlx::query(sql::FORGET_POSITIONS).bind(topic).execute(self.transaction.connection().await?).await?;
        Ok(())
    }

    /// Stores `prior`; if it has changed, computes every weighted mean of the table again.
    pub(super) async fn set_prior(&mut self, prior: Prior) -> Result<(), Error> {
        let connection = self.transaction.connection().await?;
        let set = sqlx::query(sql::SET_PRIOR).bind(prior.weight()).bind(prior.mean());
        if set.execute(&mut *connection).await?.rows_affected() > 0 {
            sqlx::query(sql::RECOMPUTE_WEIGHTED_MEANS).execute(connection).await?;
        }
        let aggregates = Arc::clone(&self.pending.aggregates);
        self.transaction.after_commit(move || aggregates.table().set_prior(prior));
        Ok(())
    }

    /// Takes the aggregates of `records` that are in memory, and returns the records of the others.
    fn take_known(&mut self, records: &[i64]) -> Vec<i64> {
        let aggregates = &self.pending.aggregates;
        let Lookup { pending, others } = aggregates.find(records.iter().copied());
        self.before.extend(pending.into_iter().map(|(place, tally)| (records[place], tally)));
        let others: Vec<i64> = others.into_iter().map(|(_, record)| record).collect();
        aggregates.table().cached(others, |record, tally| {
            self.before.insert(record, tally);
        })
    }

    async fn keys(
        &mut self,
        statement: &'static str,
        names: impl Serialize + Sync,
    ) -> Result<Vec<(usize, i64)>, Error> {
        let connection = self.transaction.connection().await?;
        let rows: Vec<(i64, i64)> = sqlx::query_as(statement).bind(Json(names)).fetch_all(connection).await?;
        Ok(rows.into_iter().map(|(place, key)| (sql::place(place), key)).collect())
    }

    /// Gives names the keys that follow the last one: there is no other writer, so none is taken meanwhile.
    async fn allocate(
        &mut self,
        last: &'static str,
        statement: &'static str,
        names: &[impl Serialize + Sync],
    ) -> Result<Vec<(usize, i64)>, Error> {
        let connection = self.transaction.connection().await?;
        let last: i64 = sqlx::query_scalar(last).fetch_one(&mut *connection).await?;
        sqlx::query(statement).bind(Json(names)).bind(last + 1).execute(connection).await?;
        Ok((0..names.len()).zip(last + 1..).collect())
    }
}

/// Parses rows of a table that SQLite has converted into a JSON array.
fn parsed<'t, R: Deserialize<'t>>(table: &str, rows: &'t str) -> Result<Vec<R>, Error> {
    serde_json::from_str(rows).map_err(|error| Error::row(table, error))
}

fn names<'a>(records: &[&'a Record]) -> Vec<(&'a str, &'a str)> {
    records.iter().map(|record| (record.record_type.as_str(), record.record_id.as_str())).collect()
}

#[async_trait]
impl sql::NameStatements<Record> for Statements<'_> {
    async fn find(&mut self, records: &[&Record]) -> Result<Vec<(usize, i64)>, Error> {
        self.keys(FIND_RECORDS, names(records)).await
    }

    async fn add(&mut self, records: &[&Record]) -> Result<Vec<(usize, i64)>, Error> {
        self.allocate(LAST_RECORD, ADD_RECORDS, &names(records)).await
    }
}

#[async_trait]
impl sql::NameStatements<UserId> for Statements<'_> {
    async fn find(&mut self, users: &[&UserId]) -> Result<Vec<(usize, i64)>, Error> {
        self.keys(FIND_USERS, users).await
    }

    async fn add(&mut self, users: &[&UserId]) -> Result<Vec<(usize, i64)>, Error> {
        self.allocate(LAST_USER, ADD_USERS, users).await
    }
}

#[async_trait]
impl sql::KeyStatements for Statements<'_> {
    async fn add_aggregates(&mut self, records: &[(i64, &RecordType)]) -> Result<(), Error> {
        let connection = self.transaction.connection().await?;
        sqlx::query(ADD_AGGREGATES).bind(Json(records)).execute(connection).await?;
        Ok(())
    }
}

#[async_trait]
impl sql::Statements for Statements<'_> {
    /// Reads aggregates and ratings together and locks nothing: the transaction has the whole database.
    async fn lock_and_read(
        &mut self,
        records: &[i64],
        pairs: &[Pair],
    ) -> Result<Vec<(usize, StoredRating)>, Error> {
        let unknown = self.take_known(records);
        let Lookup { pending, others } = self.pending.ratings.find(pairs.iter().copied());
        let mut stored: Vec<(usize, StoredRating)> =
            pending.into_iter().filter_map(|(place, row)| Some((place, row?))).collect();
        if unknown.is_empty() && others.is_empty() {
            return Ok(stored);
        }

        let (mut batch, mut tallies) = (self.transaction.batch(), None);
        if !unknown.is_empty() {
            batch.queue(TALLIES, Json(&unknown))?;
        }
        let add = |&(place, (rater, record)): &(usize, Pair), parameters: &mut Parameters| {
            [sql::number(place), rater, record].into_iter().try_for_each(|number| parameters.add(number))
        };
        let take = |found: String| {
            if !unknown.is_empty() && tallies.is_none() {
                tallies = Some(parsed::<TallyRow>("aggregate", &found)?);
            } else {
                for row in parsed::<StoredRow>("rating", &found)? {
                    stored.push(sql::stored(row)?);
                }
            }
            Ok(())
        };
        batch.fetch(READ, &others, add, take).await?;
        let read: Vec<(i64, Tally)> = tallies.into_iter().flatten().map(tables::tally).collect();
        self.before.extend(read.iter().copied());
        let aggregates = Arc::clone(&self.pending.aggregates);
        self.transaction.after_commit(move || aggregates.table().cache(&read));
        Ok(stored)
    }

    async fn write(&mut self, changes: &Changes<'_>) -> Result<(), Error> {
        let row = |changed: &Changed<'_>| (changed.pair, changed.rating.map(StoredRating::from));
        let rows: Vec<WrittenRating> = changes.rows.iter().map(row).collect();
        let mut grown = Vec::with_capacity(changes.grown.len());
        for sql::Grown { record, change } in &changes.grown {
            let before = self.before.get(record);
            let before =
                before.ok_or_else(|| Error::row("aggregate", format!("record {record} has none")))?;
            grown.push((*record, before.after(change)));
        }
        self.transaction.put(&self.pending.ratings, rows).await?;
        self.transaction.put(&self.pending.aggregates, grown).await
    }

    async fn advance(&mut self, advance: &Advance) -> Result<bool, Error> {
        let Advance { partition, from, to } = advance;
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
        Ok(query.execute(self.transaction.connection().await?).await?.rows_affected() == 1)
    }
}
