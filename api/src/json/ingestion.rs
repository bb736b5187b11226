//! How the ingestion of events stands, as JSON.

use serde::{Deserialize, Serialize};

/// How the ingestion of events from Kafka stands in one instance of the service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Ingestion {
    /// Whether brokers are named; without them all else is empty or 0.
    pub enabled: bool,
    /// Whether nothing keeps events from being applied.
    pub ready: bool,
    /// What keeps them from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// The topic that events arrive on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The consumer group whose members share the partitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// How often an event has its effect where the service dies: `at-most-once`, `at-least-once` or
    /// `exactly-once`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<String>,
    /// The events since the start, by what they came to.
    pub events: IngestedEvents,
    /// The batches in which they were applied.
    pub batches: IngestedBatches,
    /// How many batches were refused because a partition had another owner by then.
    pub fenced: u64,
    /// How many writes wait in each lane of the writer or are being applied, those of calls among them.
    pub writer_queue: Vec<u64>,
    /// How many partitions this instance reads.
    pub assigned_partitions: u64,
    /// How many lanes are so far behind that their partitions are not read.
    pub paused_lanes: u64,
    /// How many events of these partitions wait to be applied.
    pub lag: u64,
    /// The greatest of the partitions' `lagSeconds`.
    pub lag_seconds: f64,
    /// When the brokers were last asked where the partitions end: every second, every 10 s while they don't
    /// answer. Lags are those of then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_asked_at: Option<String>,
    /// The partitions that this instance reads, by their numbers.
    pub partitions: Vec<IngestedPartition>,
}

/// How many events came to what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct IngestedEvents {
    /// Puts that stored the user's first rating of the record.
    pub created: u64,
    /// Puts that replaced a rating.
    pub replaced: u64,
    /// Puts of exactly the rating that was stored.
    pub unchanged: u64,
    /// Deletes of a rating.
    pub deleted: u64,
    /// Deletes that found no rating.
    pub absent: u64,
    /// What could not be read and went to the dead letters.
    pub rejected: u64,
    /// What was skipped because the stored offset was past it already.
    pub doubled: u64,
}

/// What the batches were like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct IngestedBatches {
    /// How many there were.
    pub count: u64,
    /// How many events they held on average.
    pub mean_events: f64,
    /// How long they took on average, from the writer's queue to the commit.
    pub mean_milliseconds: f64,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct IngestedPartition {
    /// Its number.
    pub partition: i32,
    /// The offset of the next event to apply, as it is stored; absent where none is stored yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_offset: Option<i64>,
    /// The offset that the next new event gets.
    pub end_offset: i64,
    /// How many events wait to be applied.
    pub lag: u64,
    /// How old the last applied event is, in seconds; 0 where none waits, absent where none was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<f64>,
    /// Whether it is being read.
    pub state: PartitionState,
    /// Why it makes no progress; absent while it is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Whether a partition is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum PartitionState {
    /// It is.
    Reading,
    /// Not until its lane has caught up.
    Paused,
    /// Not any more: the stored offset is not that of the topic.
    Lost,
    /// Not yet: the brokers do not say where it begins and ends. It is retried.
    Unreadable,
    /// Events wait, and for too long none was read or applied.
    Stalled,
}
