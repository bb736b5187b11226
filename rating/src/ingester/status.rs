//! The state of ingestion at one moment, as REST reports it.

use super::delivery::Delivery;
use super::metrics::Counts;
use super::progress::Snapshot;

/// The state of ingestion in this instance.
#[derive(Clone, Debug)]
pub struct Status {
    /// What prevents events from being applied, if anything does.
    pub trouble: Option<String>,
    /// The topic that events are read from.
    pub topic: String,
    /// The consumer group.
    pub group: String,
    /// The delivery guarantee.
    pub delivery: Delivery,
    /// Events and batches since the start.
    pub counts: Counts,
    /// The number of writes that are queued or being applied, for each lane of the writer.
    pub writer_queue: Vec<usize>,
    /// The progress of the assigned partitions.
    pub progress: Snapshot,
}
