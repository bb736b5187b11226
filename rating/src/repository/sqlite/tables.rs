//! The two tables that are written through journals, with the rows that are pending for them.

mod aggregates;
mod ratings;

pub(super) use aggregates::{Aggregates, TALLIES, Tally, TallyRow, tally};
pub(super) use ratings::{Ratings, WrittenRating};

use memtable::{Memtable, Recover};
use meter::Sampler;
use std::fmt;
use std::sync::Arc;

/// How many ratings there are for each aggregate that may be pending. Most records have many ratings.
const RATINGS_PER_AGGREGATE: usize = 10;

/// The pending rows, which readers look up before they read the tables.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) ratings: Arc<Memtable<Ratings>>,
    pub(super) aggregates: Arc<Memtable<Aggregates>>,
}

impl Pending {
    /// Returns empty memtables for about `capacity` ratings, and fewer aggregates.
    pub(super) fn new(capacity: usize) -> Self {
        let of_aggregates = capacity.div_ceil(RATINGS_PER_AGGREGATE);
        Self {
            ratings: Arc::new(Memtable::new(Ratings, capacity)),
            aggregates: Arc::new(Memtable::new(Aggregates::default(), of_aggregates)),
        }
    }

    /// Encodes the metrics of the memtables.
    pub(super) fn sample(&self, to: &mut Sampler<'_>) -> fmt::Result {
        let rows = |ratings: usize, aggregates: usize| {
            [([("table", "rating")], ratings), ([("table", "aggregate")], aggregates)]
        };
        let help = "Changed rows in memory and in the journal that are not yet merged into the table";
        to.gauges("memtable_pending_rows", help, rows(self.ratings.pending(), self.aggregates.pending()))?;
        let help = "The number of pending rows above which each batch merges some";
        to.gauges("memtable_capacity_rows", help, rows(self.ratings.capacity(), self.aggregates.capacity()))
    }

    /// Returns what the write connection recovers from the file.
    pub(super) fn memtables(&self) -> Vec<Arc<dyn Recover>> {
        vec![Arc::clone(&self.ratings) as Arc<dyn Recover>, Arc::clone(&self.aggregates) as Arc<dyn Recover>]
    }
}
