//! What waits in memory for the tables of ratings and of aggregates, and what the one who writes knows of their journals.

use super::aggregates::{Tally, TallyRow, tally};
use super::memtable::{Journal, Loading, Memtable, Step};
use crate::batch::StoredRating;
use crate::repository::sql::{self, Pair, TwoGenerationCache};
use futures::TryStreamExt;
use model::Prior;
use serde::Deserialize;
use sqlx::SqliteConnection;
use sqlx::types::Json;
use std::sync::{PoisonError, RwLock};
use storage::Error;

const RATINGS: &str = "SELECT key, changes FROM journal ORDER BY key";
const AGGREGATES: &str = "SELECT key, changes FROM aggregate_journal ORDER BY key";
const PRIOR: &str = "SELECT prior_weight, prior_mean FROM setting";
const ENDS: &str = "SELECT (SELECT min(key) FROM journal), (SELECT max(key) FROM journal), \
     (SELECT min(key) FROM aggregate_journal), (SELECT max(key) FROM aggregate_journal), prior_weight, prior_mean \
     FROM setting";

/// For how many ratings the aggregate of one record may wait. Films have many ratings each.
const RATINGS_AN_AGGREGATE: usize = 10;

/// How much memory may remember the table's aggregates, in bytes.
const MERGED: usize = 8 << 20;

/// About what one of these takes: a slot of a map that is never quite full.
const ENTRY: usize = size_of::<(i64, Tally)>() * 4 / 3;

/// A pair with what a write left there; `None` where that is nothing.
pub(super) type Written = (Pair, Option<StoredRating>);

/// The first and last keys of both journals, prior weight and mean.
type Ends = (Option<i64>, Option<i64>, Option<i64>, Option<i64>, f64, f64);

/// A rating in its journal: rater, record, value, provider, time; no value where the rating is gone.
type Journaled = (i64, i64, Option<i64>, Option<String>, i64);

/// What readers have to know before they look into the tables.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) ratings: Memtable<Pair, Option<StoredRating>>,
    pub(super) aggregates: Memtable<i64, Tally>,
    prior: RwLock<Prior>,
}

impl Waiting {
    /// What weighted means are computed with.
    pub(super) fn prior(&self) -> Prior {
        *self.prior.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_prior(&self, prior: Prior) {
        *self.prior.write().unwrap_or_else(PoisonError::into_inner) = prior;
    }
}

/// The journals, as far as the one who writes has to know them.
#[derive(Debug)]
pub(super) struct Journals {
    pub(super) ratings: Journal<Pair>,
    pub(super) aggregates: Journal<i64>,
    /// What the table has of the aggregates that were merged or read last: who was rated is rated again.
    pub(super) merged: TwoGenerationCache<i64, Tally>,
}

/// What memory has to follow of a transaction.
#[derive(Debug)]
pub(super) enum Steps {
    /// What it did to the journals and the tables.
    Written { ratings: Step<Pair, Option<StoredRating>>, aggregates: Step<i64, Tally> },
    /// It has set the prior, and weighed the aggregates of the table anew.
    Weighed(Prior),
}

impl Journals {
    /// Reads the journals into `waiting`, in which some `most` ratings are kept.
    pub(super) async fn load(
        connection: &mut SqliteConnection,
        waiting: &Waiting,
        most: usize,
    ) -> Result<Self, Error> {
        let (weight, mean) = sqlx::query_as(PRIOR).fetch_one(&mut *connection).await?;
        let prior = prior(weight, mean)?;
        let ratings = load(connection, RATINGS, most, journaled).await?;
        let most = most.div_ceil(RATINGS_AN_AGGREGATE);
        let aggregates = load(connection, AGGREGATES, most, |row: TallyRow| Ok(tally(row))).await?;
        waiting.set_prior(prior);
        let (ratings, aggregates) =
            (ratings.finish(&waiting.ratings), aggregates.finish(&waiting.aggregates));
        Ok(Self { ratings, aggregates, merged: merged() })
    }

    /// Returns whether the file is in the state that memory has followed. A transaction that memory has to follow adds a
    /// row to a journal, empties that of the aggregates or changes the prior; rows that it merges besides are the same in
    /// memory and in their table.
    pub(super) async fn are_current(
        &self,
        connection: &mut SqliteConnection,
        waiting: &Waiting,
    ) -> Result<bool, Error> {
        let ends: Ends = sqlx::query_as(ENDS).fetch_one(connection).await?;
        let (first, last, first_aggregates, last_aggregates, weight, mean) = ends;
        Ok(self.ratings.ends() == first.zip(last)
            && self.aggregates.ends() == first_aggregates.zip(last_aggregates)
            && waiting.prior() == prior(weight, mean)?)
    }

    /// Follows a transaction that was committed; it has `read` these aggregates from the table.
    pub(super) fn settle(&mut self, read: Vec<(i64, Tally)>, steps: Option<Steps>, waiting: &Waiting) {
        for (record, tally) in read {
            self.merged.insert(record, tally);
        }
        match steps {
            None => {}
            Some(Steps::Written { ratings, aggregates }) => {
                for (record, tally) in &aggregates.merged {
                    self.merged.insert(*record, *tally);
                }
                self.ratings.settle(ratings, &waiting.ratings);
                self.aggregates.settle(aggregates, &waiting.aggregates);
            }
            Some(Steps::Weighed(prior)) => waiting.set_prior(prior),
        }
    }
}

fn prior(weight: f64, mean: f64) -> Result<Prior, Error> {
    Prior::new(weight, mean).map_err(|broken| Error::row("setting", broken))
}

fn merged() -> TwoGenerationCache<i64, Tally> {
    TwoGenerationCache::new(MERGED, |_| ENTRY)
}

async fn load<K: Ord + Copy, V: Clone, R: for<'de> Deserialize<'de> + Send + Unpin + 'static>(
    connection: &mut SqliteConnection,
    journal: &'static str,
    most: usize,
    row: impl Fn(R) -> Result<(K, V), Error>,
) -> Result<Loading<K, V>, Error> {
    let mut loading = Loading::new(most);
    let mut batches = sqlx::query_as(journal).fetch(connection);
    while let Some((key, Json(changes))) = batches.try_next().await? {
        let changes: Vec<R> = changes;
        loading.add(key, changes.into_iter().map(&row).collect::<Result<_, _>>()?);
    }
    Ok(loading)
}

fn journaled((rater, record, value, provider, rated_at): Journaled) -> Result<Written, Error> {
    let held = value.map(|value| sql::stored((0, value, provider, rated_at))).transpose()?;
    Ok(((rater, record), held.map(|(_, held)| held)))
}

/// Turns a row into what its journal holds of it.
pub(super) fn to_journal(((rater, record), held): &Written) -> (i64, i64, Option<u8>, Option<&str>, i64) {
    match held {
        Some(StoredRating { value, provider_id, rated_at }) => {
            let provider = provider_id.as_ref().map(|id| id.as_str());
            (*rater, *record, Some(value.get()), provider, rated_at.as_millis())
        }
        None => (*rater, *record, None, None, 0),
    }
}
