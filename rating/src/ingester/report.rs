//! How ingestion stands, as the REST interface tells it: the same that the metrics say.

use super::progress::{Reading, Snapshot, Trouble};
use super::{Config, Handle};
use api::json;
use model::Timestamp;

impl Handle {
    /// Says how ingestion stands.
    pub fn report(&self) -> json::Ingestion {
        let ready = self.ready();
        let now = Timestamp::now();
        let Config { topic, group, delivery, .. } = &self.config;
        let Snapshot { partitions, paused_lanes, asked } = self.metrics.progress.snapshot();
        let seconds = partitions.iter().filter_map(|(_, reading, _)| reading.lag_seconds(now));
        let mut report = json::Ingestion {
            enabled: true,
            ready: ready.is_ok(),
            trouble: ready.err(),
            topic: Some(topic.clone()),
            group: Some(group.clone()),
            delivery: Some(delivery.to_string()),
            writer_queue: (0..self.writer.lanes()).map(|lane| self.writer.queued(lane) as u64).collect(),
            assigned_partitions: partitions.len() as u64,
            paused_lanes: paused_lanes as u64,
            lag: partitions.iter().map(|(_, reading, _)| reading.lag()).sum(),
            lag_seconds: seconds.fold(0.0, f64::max),
            ends_asked_at: asked.map(|asked| asked.to_string()),
            ..json::Ingestion::default()
        };
        self.metrics.tell(&mut report);
        let told = partitions.into_iter().map(|(number, reading, paused)| tell(number, reading, paused, now));
        report.partitions = told.collect();
        report
    }
}

fn tell(partition: i32, reading: Reading, paused: bool, now: Timestamp) -> json::IngestedPartition {
    json::IngestedPartition {
        partition,
        stored_offset: reading.stored,
        end_offset: reading.end,
        lag: reading.lag(),
        lag_seconds: reading.lag_seconds(now),
        state: match (&reading.trouble, paused) {
            (Some((Trouble::Lost, _)), _) => json::PartitionState::Lost,
            (Some((Trouble::Unreadable, _)), _) => json::PartitionState::Unreadable,
            (Some((Trouble::Stalled, _)), _) => json::PartitionState::Stalled,
            (None, true) => json::PartitionState::Paused,
            (None, false) => json::PartitionState::Reading,
        },
        reason: reading.trouble.map(|(_, reason)| reason),
    }
}
