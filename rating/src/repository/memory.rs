//! The store in memory, for tests and trials. Nothing is persisted.

use super::{AfterTop, Batches, Error, Positions, Ratings, TopRated, UserRatings};
use crate::batch::{Advance, Batch, Keys, Outcome, Partition, Plan, Position, StoredRating};
use async_trait::async_trait;
use model::{Aggregate, Histogram, Prior, Rating, Record, RecordId, RecordType, UserId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// As many lanes as PostgreSQL has by default, so that the writer behaves the same.
const LANES: usize = 4;

/// The store.
#[derive(Debug, Default)]
pub struct Repository(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    prior: Prior,
    by_user: HashMap<UserId, BTreeMap<Record, StoredRating>>,
    aggregates: BTreeMap<Record, StoredAggregate>,
    positions: BTreeMap<Partition, Position>,
}

/// A stored aggregate; it may have no rating.
#[derive(Debug, Default)]
struct StoredAggregate {
    histogram: Histogram,
    revision: u64,
}

impl Repository {
    /// Returns an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Changes follow after everything that can fail, so a panic leaves no partial change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(&self, offsets: &[Advance]) -> Result<(), Error> {
        for advance in offsets {
            let stored = self.positions.get(&advance.partition).map(|position| position.next_offset);
            if stored != advance.from {
                return Err(Error::Fenced(advance.partition.clone()));
            }
        }
        Ok(())
    }

    fn rating(&self, record: &Record, user: &UserId) -> Option<&StoredRating> {
        self.by_user.get(user)?.get(record)
    }

    fn store(&mut self, record: &Record, user: &UserId, rating: Option<StoredRating>) {
        let ratings = self.by_user.entry(user.clone()).or_default();
        match rating {
            Some(rating) => {
                ratings.insert(record.clone(), rating);
            }
            None => {
                ratings.remove(record);
            }
        }
        if ratings.is_empty() {
            self.by_user.remove(user);
        }
    }

    fn aggregate(&self, record: &Record) -> Option<Aggregate> {
        self.aggregates.get(record).and_then(|stored| self.visible(record, stored))
    }

    /// Returns the aggregate, if it has a rating.
    fn visible(&self, record: &Record, stored: &StoredAggregate) -> Option<Aggregate> {
        (stored.histogram.count() > 0).then(|| Aggregate {
            record: record.clone(),
            histogram: stored.histogram,
            weighted_mean: self.prior.weighted_mean(&stored.histogram),
            revision: stored.revision,
        })
    }
}

#[async_trait]
impl Ratings for Repository {
    async fn get_aggregate(&self, record: &Record) -> Result<Option<Arc<Aggregate>>, Error> {
        Ok(self.state().aggregate(record).map(Arc::new))
    }

    async fn batch_get_aggregates(
        &self,
        record_type: &RecordType,
        ids: &[RecordId],
    ) -> Result<Vec<Arc<Aggregate>>, Error> {
        let state = self.state();
        let record = |id: &RecordId| Record { record_type: record_type.clone(), record_id: id.clone() };
        Ok(ids.iter().filter_map(|id| state.aggregate(&record(id))).map(Arc::new).collect())
    }

    async fn get_rating(&self, record: &Record, user: &UserId) -> Result<Option<Rating>, Error> {
        Ok(self.state().rating(record, user).map(|stored| stored.by(user, record)))
    }

    async fn list_user_ratings(&self, list: UserRatings<'_>) -> Result<Vec<Rating>, Error> {
        let state = self.state();
        let ratings = state.by_user.get(list.user).into_iter().flatten();
        Ok(list.page(ratings.map(|(record, stored)| stored.by(list.user, record)).collect()))
    }

    async fn list_top_rated(&self, list: TopRated<'_>) -> Result<Vec<Aggregate>, Error> {
        let TopRated { record_type, min_count, after, limit } = list;
        let state = self.state();
        let mut rows: Vec<Aggregate> = state
            .aggregates
            .iter()
            .filter(|(record, stored)| {
                record.record_type == *record_type && stored.histogram.count() >= min_count
            })
            .filter_map(|(record, stored)| state.visible(record, stored))
            .filter(|aggregate| after.is_none_or(|after| AfterTop::of(aggregate).order(after).is_gt()))
            .collect();
        rows.sort_by(|a, b| AfterTop::of(a).order(&AfterTop::of(b)));
        rows.truncate(limit);
        Ok(rows)
    }
}

#[async_trait]
impl Batches for Repository {
    fn lanes(&self) -> usize {
        LANES
    }

    async fn apply(&self, _lane: usize, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        let mut state = self.state();
        state.check(&batch.offsets)?;
        let keys = Keys::of(&batch.writes);
        let stored: Vec<Option<StoredRating>> = keys
            .pairs
            .iter()
            .map(|&(record, user)| state.rating(keys.records[record], keys.users[user]).cloned())
            .collect();
        let plan = Plan::of(&batch.writes, &keys, &stored);
        for (pair, row) in &plan.rows {
            let (record, user) = keys.pairs[*pair];
            state.store(keys.records[record], keys.users[user], row.map(StoredRating::from));
        }
        for (&record, change) in
            keys.records.iter().zip(&plan.changes).filter(|(_, change)| change.revisions > 0)
        {
            let stored = state.aggregates.entry(record.clone()).or_default();
            stored.histogram = change.applied_to(&stored.histogram);
            stored.revision += change.revisions;
        }
        for advance in &batch.offsets {
            state.positions.insert(advance.partition.clone(), advance.to.clone());
        }
        Ok(plan.outcomes)
    }

    async fn set_prior(&self, prior: Prior) -> Result<(), Error> {
        self.state().prior = prior;
        Ok(())
    }
}

#[async_trait]
impl Positions for Repository {
    async fn positions(&self, cluster: &str, topic: &str) -> Result<Vec<(i32, Position)>, Error> {
        let state = self.state();
        Ok(state
            .positions
            .iter()
            .filter(|(partition, _)| partition.cluster == cluster && partition.topic == topic)
            .map(|(partition, position)| (partition.partition, position.clone()))
            .collect())
    }

    async fn clusters(&self, topic: &str) -> Result<Vec<String>, Error> {
        let state = self.state();
        let of_topic = state.positions.keys().filter(|partition| partition.topic == topic);
        Ok(of_topic.map(|partition| partition.cluster.clone()).collect::<BTreeSet<_>>().into_iter().collect())
    }

    async fn forget_positions(&self, topic: &str) -> Result<(), Error> {
        self.state().positions.retain(|partition, _| partition.topic != topic);
        Ok(())
    }
}

#[async_trait]
impl super::Repository for Repository {
    async fn ready(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn close(&self) {}
}
