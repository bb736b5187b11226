//! The status of ingestion as JSON.

#[cfg(feature = "openapi")]
use super::schema;
use serde::{Deserialize, Serialize};

/// The status of Kafka ingestion in one instance of the service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Ingestion {
    /// Whether Kafka brokers are configured; if not, all other fields are empty or 0.
    pub enabled: bool,
    /// Whether events can be applied.
    pub ready: bool,
    /// The reason if they cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub trouble: Option<String>,
    /// The topic that is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub topic: Option<String>,
    /// The consumer group whose members share the partitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub group: Option<String>,
    /// The delivery guarantee: `at-most-once`, `at-least-once` or `exactly-once`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Delivery))]
    pub delivery: Option<String>,
    /// The number of events since the start, by result.
    pub events: IngestedEvents,
    /// The batches in which they were applied.
    pub batches: IngestedBatches,
    /// The number of batches rejected because another instance had taken over a partition.
    pub fenced: u64,
    /// The number of queued or running writes in each lane of the writer, including those of API calls.
    pub writer_queue: Vec<u64>,
    /// The number of partitions assigned to this instance.
    pub assigned_partitions: u64,
    /// The number of lanes that are so far behind that their partitions are paused.
    pub paused_lanes: u64,
    /// The number of events in these partitions that are not yet applied.
    pub lag: u64,
    /// The largest `lagSeconds` of the partitions.
    pub lag_seconds: f64,
    /// The time when the partitions' end offsets were last fetched: every second, or every 10 s while the brokers
    /// do not respond. Lags are as of this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Timestamp))]
    pub ends_asked_at: Option<String>,
    /// The partitions assigned to this instance, ordered by number.
    pub partitions: Vec<IngestedPartition>,
}

/// The number of events by result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct IngestedEvents {
    /// Puts that created a rating.
    pub created: u64,
    /// Puts that replaced a rating.
    pub replaced: u64,
    /// Puts of a rating equal to the stored one.
    pub unchanged: u64,
    /// Deletes that removed a rating.
    pub deleted: u64,
    /// Deletes that found no rating.
    pub absent: u64,
    /// Invalid events, sent to the dead-letter topic.
    pub rejected: u64,
    /// Events skipped because the stored offset was already past them.
    pub doubled: u64,
}

/// Statistics of the batches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct IngestedBatches {
    /// The number of batches.
    pub count: u64,
    /// The mean number of events per batch.
    pub mean_events: f64,
    /// The mean time of a batch, from the writer's queue to the commit, in milliseconds.
    pub mean_milliseconds: f64,
}

/// The status of one partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct IngestedPartition {
    /// The partition's number.
    pub partition: i32,
    /// The stored offset of the next event to apply; absent if none is stored yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub stored_offset: Option<i64>,
    /// The end offset: the offset of the next event to be produced.
    pub end_offset: i64,
    /// The number of events that are not yet applied.
    pub lag: u64,
    /// The age in seconds of the oldest event that is not yet applied; 0 if the partition has no lag. Until that event has
    /// been read, the age that it has at most; absent if that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub lag_seconds: Option<f64>,
    /// The partition's state.
    pub state: PartitionState,
    /// Why the partition makes no progress; absent while it is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub reason: Option<String>,
}

/// The state of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum PartitionState {
    /// The partition is being read.
    Reading,
    /// Paused until its lane has caught up.
    Paused,
    /// Stopped: the stored offset does not belong to this topic.
    Lost,
    /// Not read yet, retrying: the brokers do not report the first and last offset.
    Unreadable,
    /// Events are pending, but none has been read or applied for too long.
    Stalled,
}
