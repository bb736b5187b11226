//! The statements of the transaction steps in PostgreSQL's dialect. Lists are passed as one array for each column
//! and read with `unnest`; many new ratings are inserted with `COPY`.

use super::copy::Rows;
use super::history::History;
use crate::batch::{Advance, StoredRating};
use crate::repository::sql::{self, Changed, Changes, Grown, Pair, StoredRow, weighted_mean};
use async_trait::async_trait;
use model::{Rating, Record, RecordId, RecordType, UserId};
use storage::Error;
use storage::postgres::Transaction;

const FIND_RECORDS: &str = "SELECT n.place - 1, r.key \
     FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS n (record_type, record_id, place) \
     JOIN record AS r ON r.record_type = n.record_type AND r.record_id = n.record_id";
const ADD_RECORDS: &str = "INSERT INTO record (record_type, record_id) \
     SELECT record_type, record_id \
     FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS n (record_type, record_id, place) \
     ORDER BY place ON CONFLICT DO NOTHING";
const FIND_USERS: &str = "SELECT n.place - 1, r.key \
     FROM unnest($1::text[]) WITH ORDINALITY AS n (user_id, place) JOIN rater AS r ON r.user_id = n.user_id";
const ADD_USERS: &str = "INSERT INTO rater (user_id) \
     SELECT user_id FROM unnest($1::text[]) WITH ORDINALITY AS n (user_id, place) \
     ORDER BY place ON CONFLICT DO NOTHING RETURNING user_id, key";
const ADD_AGGREGATES: &str = "INSERT INTO aggregate (record, record_type) \
     SELECT record, record_type FROM unnest($1::bigint[], $2::text[]) AS n (record, record_type) \
     ORDER BY record ON CONFLICT DO NOTHING";
/// Locks the aggregates of the records `$1`; returns their count, and the newest token of the key history if token
/// `$2` is listed there.
const LOCK_AGGREGATES: &str = "SELECT count(*), (SELECT tokens[1] FROM key_history WHERE $2 = ANY(tokens)) FROM \
     (SELECT FROM aggregate WHERE record = ANY($1) ORDER BY record FOR NO KEY UPDATE) AS locked";
const READ: &str = "SELECT n.place - 1, r.value::bigint, r.provider_id, r.rated_at \
     FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS n (rater, record, place) \
     JOIN rating AS r ON r.rater = n.rater AND r.record = n.record";
const ADD: &str = "INSERT INTO rating (rater, record, provider_id, value, rated_at) \
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::smallint[], $5::bigint[])";
const COPY: &str = "COPY rating (rater, record, provider_id, value, rated_at) FROM STDIN (FORMAT binary)";
const REPLACE: &str = "UPDATE rating AS r SET provider_id = n.provider_id, value = n.value, rated_at = n.rated_at \
     FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::smallint[], $5::bigint[]) \
     AS n (rater, record, provider_id, value, rated_at) WHERE r.rater = n.rater AND r.record = n.record";
const DELETE: &str = "DELETE FROM rating AS r USING unnest($1::bigint[], $2::bigint[]) AS n (rater, record) \
     WHERE r.rater = n.rater AND r.record = n.record";
const GROW: &str = concat!(
    "UPDATE aggregate SET \
     h1 = h1 + n.d1, h2 = h2 + n.d2, h3 = h3 + n.d3, h4 = h4 + n.d4, h5 = h5 + n.d5, \
     h6 = h6 + n.d6, h7 = h7 + n.d7, h8 = h8 + n.d8, h9 = h9 + n.d9, h10 = h10 + n.d10, \
     revision = revision + n.revisions, weighted_mean = ",
    weighted_mean!("sum + n.sum_grown", "count + n.count_grown"),
    " FROM setting AS s, \
     unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], \
     $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], \
     $13::bigint[], $14::bigint[]) \
     AS n (record, revisions, count_grown, sum_grown, d1, d2, d3, d4, d5, d6, d7, d8, d9, d10) \
     WHERE aggregate.record = n.record"
);

/// The number of new ratings from which on `COPY` is used. It takes a fifth less than an insert, but may wait for
/// 40 ms: the end of the copy is a separate small packet, which TCP delays until the previous one is acknowledged.
const COPY_FROM: usize = 1_000;

/// A transaction on the connection of a lane.
pub(super) struct Statements<'a, 't> {
    transaction: &'a mut Transaction<'t>,
    /// The source of the batch's keys.
    history: &'a History,
    stale: bool,
}

fn places(rows: Vec<(i64, i64)>) -> Vec<(usize, i64)> {
    rows.into_iter().map(|(place, key)| (sql::place(place), key)).collect()
}

fn types<'a>(records: &[&'a Record]) -> Vec<&'a str> {
    records.iter().map(|record| record.record_type.as_str()).collect()
}

fn ids<'a>(records: &[&'a Record]) -> Vec<&'a str> {
    records.iter().map(|record| RecordId::as_str(&record.record_id)).collect()
}

fn user_ids<'a>(users: &[&'a UserId]) -> Vec<&'a str> {
    users.iter().map(|user| user.as_str()).collect()
}

impl<'a, 't> Statements<'a, 't> {
    /// Returns the statements of `transaction`, for names with keys of `history`.
    pub(super) const fn new(transaction: &'a mut Transaction<'t>, history: &'a History) -> Self {
        Self { transaction, history, stale: false }
    }

    /// Returns whether a statement failed because the keys could not be verified.
    pub(super) const fn is_stale(&self) -> bool {
        self.stale
    }

    /// Inserts ratings of pairs that have none. No other transaction adds one as long as the aggregates of their
    /// records are locked.
    async fn insert(&mut self, ratings: &[(Pair, &Rating)]) -> Result<(), Error> {
        if ratings.len() < COPY_FROM {
            return self.execute(ADD, ratings).await;
        }
        let mut rows = Rows::new();
        for ((user, record), rating) in ratings {
            let provider = rating.provider_id.as_ref().map(|id| id.as_str().as_bytes());
            rows.push([
                Some(&user.to_be_bytes()),
                Some(&record.to_be_bytes()),
                provider,
                Some(&i16::from(rating.value.get()).to_be_bytes()),
                Some(&rating.rated_at.as_millis().to_be_bytes()),
            ]);
        }
        Ok(self.transaction.copy_in(COPY, rows.finish()).await?)
    }

    async fn execute(&mut self, statement: &'static str, ratings: &[(Pair, &Rating)]) -> Result<(), Error> {
        if ratings.is_empty() {
            return Ok(());
        }
        let providers = ratings.iter().map(|(_, rating)| rating.provider_id.as_ref().map(|id| id.as_str()));
        let query = sqlx::query(statement)
            .bind(ratings.iter().map(|((user, _), _)| *user).collect::<Vec<i64>>())
            .bind(ratings.iter().map(|((_, record), _)| *record).collect::<Vec<i64>>())
            .bind(providers.collect::<Vec<_>>())
            .bind(ratings.iter().map(|(_, rating)| i16::from(rating.value.get())).collect::<Vec<i16>>())
            .bind(ratings.iter().map(|(_, rating)| rating.rated_at.as_millis()).collect::<Vec<i64>>());
        query.execute(&mut *self.transaction).await?;
        Ok(())
    }

    async fn delete(&mut self, pairs: Vec<Pair>) -> Result<(), Error> {
        let (users, records): (Vec<i64>, Vec<i64>) = pairs.into_iter().unzip();
        sqlx::query(DELETE).bind(users).bind(records).execute(&mut *self.transaction).await?;
        Ok(())
    }

    async fn grow(&mut self, aggregates: &[Grown]) -> Result<(), Error> {
        let rows: Vec<_> = aggregates.iter().map(Grown::columns).collect();
        let mut query = sqlx::query(GROW);
        for column in 0..Grown::COLUMNS {
            query = query.bind(rows.iter().map(|row| row[column]).collect::<Vec<i64>>());
        }
        query.execute(&mut *self.transaction).await?;
        Ok(())
    }
}

#[async_trait]
impl sql::NameStatements<Record> for Statements<'_, '_> {
    async fn find(&mut self, records: &[&Record]) -> Result<Vec<(usize, i64)>, Error> {
        let query = sqlx::query_as(FIND_RECORDS).bind(types(records)).bind(ids(records));
        Ok(places(query.fetch_all(&mut *self.transaction).await?))
    }

    async fn add(&mut self, records: &[&Record]) -> Result<Vec<(usize, i64)>, Error> {
        let query = sqlx::query(ADD_RECORDS).bind(types(records)).bind(ids(records));
        query.execute(&mut *self.transaction).await?;
        // Another transaction may have allocated some of them meanwhile.
        self.find(records).await
    }
}

#[async_trait]
impl sql::NameStatements<UserId> for Statements<'_, '_> {
    async fn find(&mut self, users: &[&UserId]) -> Result<Vec<(usize, i64)>, Error> {
        let query = sqlx::query_as(FIND_USERS).bind(user_ids(users));
        Ok(places(query.fetch_all(&mut *self.transaction).await?))
    }

    async fn add(&mut self, users: &[&UserId]) -> Result<Vec<(usize, i64)>, Error> {
        let mut rows: Vec<(String, i64)> =
            sqlx::query_as(ADD_USERS).bind(user_ids(users)).fetch_all(&mut *self.transaction).await?;
        if rows.len() < users.len() {
            // Another transaction may have allocated some of them meanwhile.
            return self.find(users).await;
        }
        // All were inserted, so sorted by name they are in the order of the list.
        rows.sort_unstable();
        Ok(rows.into_iter().enumerate().map(|(place, (_, key))| (place, key)).collect())
    }
}

#[async_trait]
impl sql::KeyStatements for Statements<'_, '_> {
    async fn add_aggregates(&mut self, records: &[(i64, &RecordType)]) -> Result<(), Error> {
        let (keys, types): (Vec<i64>, Vec<&str>) =
            records.iter().map(|(key, record_type)| (*key, record_type.as_str())).unzip();
        sqlx::query(ADD_AGGREGATES).bind(keys).bind(types).execute(&mut *self.transaction).await?;
        Ok(())
    }
}

#[async_trait]
impl sql::Statements for Statements<'_, '_> {
    async fn lock_and_read(
        &mut self,
        records: &[i64],
        pairs: &[Pair],
    ) -> Result<Vec<(usize, StoredRating)>, Error> {
        let token = self.history.token();
        let (locked, newest): (i64, Option<i64>) = sqlx::query_as(LOCK_AGGREGATES)
            .bind(records)
            .bind(token)
            .fetch_one(&mut *self.transaction)
            .await?;
        let Some(newest) = newest.filter(|_| sql::place(locked) == records.len()) else {
            self.stale = true;
            let locked =
                format!("{locked} aggregates of {} exist, or the key history differs", records.len());
            return Err(Error::row("key", locked));
        };
        self.history.follow(token, newest);
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        let (users, records): (Vec<i64>, Vec<i64>) = pairs.iter().copied().unzip();
        let rows: Vec<StoredRow> =
            sqlx::query_as(READ).bind(users).bind(records).fetch_all(&mut *self.transaction).await?;
        rows.into_iter().map(sql::stored).collect()
    }

    async fn write(&mut self, changes: &Changes<'_>) -> Result<(), Error> {
        let (mut added, mut replaced, mut deleted) = (Vec::new(), Vec::new(), Vec::new());
        for Changed { pair, rating, stored } in &changes.rows {
            match rating {
                Some(rating) if *stored => replaced.push((*pair, *rating)),
                Some(rating) => added.push((*pair, *rating)),
                None => deleted.push(*pair),
            }
        }
        self.insert(&added).await?;
        self.execute(REPLACE, &replaced).await?;
        if !deleted.is_empty() {
            self.delete(deleted).await?;
        }
        if !changes.grown.is_empty() {
            self.grow(&changes.grown).await?;
        }
        Ok(())
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
        Ok(query.execute(&mut *self.transaction).await?.rows_affected() == 1)
    }
}
