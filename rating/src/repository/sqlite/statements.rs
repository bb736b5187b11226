//! The steps of a transaction in SQLite's words. Lists go through `json_each`: one parameter, however long.

use crate::batch::{Advance, Held};
use crate::repository::sql::{self, Changes, Grown, HeldRow};
use async_trait::async_trait;
use model::{Record, RecordType, UserId};
use serde::Serialize;
use sqlx::SqliteConnection;
use sqlx::types::Json;
use storage::Error;

const FIND_RECORDS: &str = "SELECT n.key, r.key FROM json_each($1) AS n \
     CROSS JOIN record AS r ON r.record_type = n.value ->> 0 AND r.record_id = n.value ->> 1";
const ADD_RECORDS: &str = "INSERT INTO record (record_type, record_id) \
     SELECT value ->> 0, value ->> 1 FROM json_each($1) WHERE true ON CONFLICT DO NOTHING";
const FIND_RATERS: &str =
    "SELECT n.key, r.key FROM json_each($1) AS n CROSS JOIN rater AS r ON r.user_id = n.value";
const ADD_RATERS: &str =
    "INSERT INTO rater (user_id) SELECT value FROM json_each($1) WHERE true ON CONFLICT DO NOTHING";
const ADD_AGGREGATES: &str = "INSERT INTO aggregate (record, record_type) \
     SELECT value ->> 0, value ->> 1 FROM json_each($1) WHERE true ON CONFLICT DO NOTHING";
const HELD: &str = "SELECT n.key, r.value, r.provider_id, r.rated_at FROM json_each($1) AS n \
     CROSS JOIN rating AS r ON r.record = n.value ->> 0 AND r.rater = n.value ->> 1";
/// Three statements that go to the connection's thread together, because every errand there takes time.
const WRITE: &str = concat!(
    "INSERT INTO rating (record, rater, provider_id, value, rated_at) \
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each($1) WHERE true \
     ON CONFLICT (record, rater) DO UPDATE SET \
     provider_id = excluded.provider_id, value = excluded.value, rated_at = excluded.rated_at; \
     DELETE FROM rating WHERE (record, rater) IN (SELECT value ->> 0, value ->> 1 FROM json_each($2)); ",
    sql::grow!(),
    "(SELECT value ->> 0 AS record, value ->> 1 AS revisions, \
     value ->> 2 AS count_grown, value ->> 3 AS sum_grown, \
     value ->> 4 AS d1, value ->> 5 AS d2, value ->> 6 AS d3, value ->> 7 AS d4, value ->> 8 AS d5, \
     value ->> 9 AS d6, value ->> 10 AS d7, value ->> 11 AS d8, value ->> 12 AS d9, value ->> 13 AS d10 \
     FROM json_each($3)) AS n WHERE aggregate.record = n.record"
);

/// How many rows a statement writes at most: what it needs in order to undo itself is kept in memory.
const ROWS: usize = 1_000;

/// A transaction of the connection that writes.
pub(super) struct Statements<'a>(pub(super) &'a mut SqliteConnection);

impl Statements<'_> {
    async fn execute(&mut self, statement: &'static str, list: impl Serialize + Sync) -> Result<(), Error> {
        sqlx::query(statement).bind(Json(list)).execute(&mut *self.0).await?;
        Ok(())
    }

    async fn find(
        &mut self,
        statement: &'static str,
        names: impl Serialize + Sync,
    ) -> Result<Vec<(usize, i64)>, Error> {
        let rows: Vec<(i64, i64)> =
            sqlx::query_as(statement).bind(Json(names)).fetch_all(&mut *self.0).await?;
        Ok(rows.into_iter().map(|(place, key)| (sql::place(place), key)).collect())
    }
}

/// The rows of `list` that a statement writes which begins at the place `at`.
fn part<T>(list: &[T], at: usize) -> &[T] {
    let rest = list.get(at..).unwrap_or_default();
    &rest[..rest.len().min(ROWS)]
}

fn names<'a>(records: &[&'a Record]) -> Vec<(&'a str, &'a str)> {
    records.iter().map(|record| (record.record_type.as_str(), record.record_id.as_str())).collect()
}

#[async_trait]
impl sql::Statements for Statements<'_> {
    async fn find_records(&mut self, records: &[&Record]) -> Result<Vec<(usize, i64)>, Error> {
        self.find(FIND_RECORDS, names(records)).await
    }

    async fn add_records(&mut self, records: &[&Record]) -> Result<(), Error> {
        self.execute(ADD_RECORDS, names(records)).await
    }

    async fn find_raters(&mut self, users: &[&UserId]) -> Result<Vec<(usize, i64)>, Error> {
        self.find(FIND_RATERS, users).await
    }

    async fn add_raters(&mut self, users: &[&UserId]) -> Result<(), Error> {
        self.execute(ADD_RATERS, users).await
    }

    async fn add_aggregates(&mut self, records: &[(i64, &RecordType)]) -> Result<(), Error> {
        self.execute(ADD_AGGREGATES, records).await
    }

    /// Does nothing: the transaction has the whole database.
    async fn lock_aggregates(&mut self, _records: &[i64]) -> Result<(), Error> {
        Ok(())
    }

    async fn held(&mut self, pairs: &[(i64, i64)]) -> Result<Vec<(usize, Held)>, Error> {
        let rows: Vec<HeldRow> = sqlx::query_as(HELD).bind(Json(pairs)).fetch_all(&mut *self.0).await?;
        rows.into_iter().map(sql::held).collect()
    }

    async fn write(&mut self, changes: &Changes<'_>) -> Result<(), Error> {
        let Changes { put, deleted, grown } = changes;
        let longest = put.len().max(deleted.len()).max(grown.len());
        for at in (0..longest).step_by(ROWS) {
            let put: Vec<_> = part(put, at)
                .iter()
                .map(|(record, rater, rating)| {
                    (record, rater, &rating.provider_id, rating.value, rating.rated_at.as_millis())
                })
                .collect();
            let grown: Vec<_> = part(grown, at).iter().map(Grown::columns).collect();
            let query = sqlx::query(WRITE).bind(Json(put)).bind(Json(part(deleted, at))).bind(Json(grown));
            query.execute(&mut *self.0).await?;
        }
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
        Ok(query.execute(&mut *self.0).await?.rows_affected() == 1)
    }
}
