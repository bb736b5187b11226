//! The state of ingestion.

use super::state::AppState;
use crate::ingester::{Counts, PartitionProgress, Snapshot, Status, Trouble};
use api::json;
use axum::extract::State;
use model::Timestamp;
use service::extract::Json;
use std::sync::Arc;

/// The state of Kafka ingestion in this instance of the service.
#[utoipa::path(
    get, path = "/v1/ingestion", operation_id = "getIngestion", tag = "ingestion",
    responses((status = 200, description = "The state of ingestion.", body = json::Ingestion))
)]
pub(super) async fn get_ingestion(State(state): State<Arc<AppState>>) -> Json<json::Ingestion> {
    // Without brokers there is nothing to wait for.
    let disabled = || json::Ingestion { ready: true, ..json::Ingestion::default() };
    Json(state.ingesting.as_ref().map_or_else(disabled, |ingesting| ingesting.status().into()))
}

impl From<Status> for json::Ingestion {
    fn from(status: Status) -> Self {
        let now = Timestamp::now();
        let Status { trouble, topic, group, delivery, counts, writer_queue, progress } = status;
        let Snapshot { partitions, paused_lanes, ends_asked_at } = progress;
        let lag_seconds = partitions.iter().filter_map(|(_, progress, _)| progress.lag_seconds(now));
        let [created, replaced, unchanged, deleted, absent] = counts.applied;
        let Counts { rejected, doubled, batches, mean_events, mean_milliseconds, fenced, .. } = counts;
        Self {
            enabled: true,
            ready: trouble.is_none(),
            trouble,
            topic: Some(topic),
            group: Some(group),
            delivery: Some(delivery.to_string()),
            events: json::IngestedEvents { created, replaced, unchanged, deleted, absent, rejected, doubled },
            batches: json::IngestedBatches { count: batches, mean_events, mean_milliseconds },
            fenced,
            writer_queue: writer_queue.into_iter().map(|queued| queued as u64).collect(),
            assigned_partitions: partitions.len() as u64,
            paused_lanes: paused_lanes as u64,
            lag: partitions.iter().map(|(_, progress, _)| progress.lag()).sum(),
            lag_seconds: lag_seconds.fold(0.0, f64::max),
            ends_asked_at: ends_asked_at.map(|asked_at| asked_at.to_string()),
            partitions: partitions.into_iter().map(|partition| to_json(partition, now)).collect(),
        }
    }
}

fn to_json(
    (partition, progress, paused): (i32, PartitionProgress, bool),
    now: Timestamp,
) -> json::IngestedPartition {
    json::IngestedPartition {
        partition,
        stored_offset: progress.stored,
        end_offset: progress.end,
        lag: progress.lag(),
        lag_seconds: progress.lag_seconds(now),
        state: match (&progress.trouble, paused) {
            (Some((Trouble::Lost, _)), _) => json::PartitionState::Lost,
            (Some((Trouble::Unreadable, _)), _) => json::PartitionState::Unreadable,
            (Some((Trouble::Stalled, _)), _) => json::PartitionState::Stalled,
            (None, true) => json::PartitionState::Paused,
            (None, false) => json::PartitionState::Reading,
        },
        reason: progress.trouble.map(|(_, reason)| reason),
    }
}
