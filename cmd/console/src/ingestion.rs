//! The state of ingestion, as the rating service's instances report it at `/v1/ingestion`.

use api::json::Ingestion;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Instant;

/// The service that ingests.
pub(crate) const SERVICE: &str = "rating";

/// The number of polls that rates are computed over.
const POLLS: usize = 5;

/// The reports of all instances.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    instances: BTreeMap<String, Report>,
    /// The end offsets of all partitions.
    ends: HashMap<(String, i32), i64>,
    /// The events that arrived in all partitions since the start.
    produced: u64,
    production: Rate,
}

#[derive(Debug)]
struct Report {
    outcome: Result<Ingestion, String>,
    events: Rate,
}

/// A number that grows, at the last polls.
#[derive(Debug, Default)]
struct Rate(VecDeque<(Instant, u64)>);

impl Rate {
    fn note(&mut self, at: Instant, number: u64) {
        if self.0.back().is_some_and(|(_, last)| number < *last) {
            // The instance was restarted.
            self.0.clear();
        }
        self.0.push_back((at, number));
        if self.0.len() > POLLS + 1 {
            self.0.pop_front();
        }
    }

    fn per_second(&self) -> Option<f64> {
        let ((first_at, first), (last_at, last)) = (self.0.front()?, self.0.back()?);
        let seconds = last_at.duration_since(*first_at).as_secs_f64();
        (seconds > 0.0).then(|| (last - first) as f64 / seconds)
    }
}

impl Reports {
    /// Replaces the reports by those polled at `at`: by the instance's id, the response or why there is none.
    pub(crate) fn polled(&mut self, reports: Vec<(String, Result<Ingestion, String>)>, at: Instant) {
        self.instances.retain(|id, _| reports.iter().any(|(polled, _)| polled == id));
        for (id, outcome) in reports {
            let report = self
                .instances
                .entry(id)
                .or_insert_with(|| Report { outcome: Err(String::new()), events: Rate::default() });
            if let Ok(ingestion) = &outcome {
                report.events.note(at, events(ingestion));
                let topic = ingestion.topic.as_deref().unwrap_or_default();
                for partition in &ingestion.partitions {
                    let end = partition.end_offset;
                    let known = self.ends.entry((topic.to_owned(), partition.partition)).or_insert(end);
                    self.produced += u64::try_from(end - *known).unwrap_or(0);
                    *known = end;
                }
            } else {
                report.events = Rate::default();
            }
            report.outcome = outcome;
        }
        if !self.ends.is_empty() {
            self.production.note(at, self.produced);
        }
    }

    /// Returns the events that arrive per second.
    pub(crate) fn produced_per_second(&self) -> Option<f64> {
        self.production.per_second()
    }

    /// Returns the instances that ingest: id, events per second and lag.
    pub(crate) fn ingesting(&self) -> Vec<(String, Option<f64>, u64)> {
        let reports = self
            .instances
            .iter()
            .filter_map(|(id, report)| Some((id, report, report.outcome.as_ref().ok()?)));
        let enabled = reports.filter(|(.., ingestion)| ingestion.enabled);
        enabled
            .map(|(id, report, ingestion)| (id.clone(), report.events.per_second(), ingestion.lag))
            .collect()
    }

    /// Returns the instances as JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        self.instances.iter().map(|(id, report)| instance(id, report)).collect()
    }
}

fn instance(id: &str, report: &Report) -> Value {
    let ingestion = match &report.outcome {
        Ok(ingestion) => ingestion,
        Err(error) => return json!({"id": id, "partitions": [], "events": {}, "error": error}),
    };
    let partitions = ingestion.partitions.iter().map(|partition| {
        json!({
            "topic": ingestion.topic,
            "partition": partition.partition,
            "storedOffset": partition.stored_offset,
            "endOffset": partition.end_offset,
            "lag": partition.lag,
            "lagSeconds": partition.lag_seconds,
            "state": partition.state,
            "reason": partition.reason,
        })
    });
    let mut shown = json!({
        "id": id,
        "partitions": partitions.collect::<Vec<_>>(),
        "events": ingestion.events,
        "eventsPerSecond": report.events.per_second(),
        "batches": ingestion.batches.count,
        "meanBatchEvents": ingestion.batches.mean_events,
        "meanBatchMs": ingestion.batches.mean_milliseconds,
    });
    if let Some(trouble) = &ingestion.trouble {
        shown["blocked"] = json!(trouble);
    }
    shown
}

fn events(ingestion: &Ingestion) -> u64 {
    let events = &ingestion.events;
    events.created
        + events.replaced
        + events.unchanged
        + events.deleted
        + events.absent
        + events.rejected
        + events.doubled
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::json::{IngestedEvents, IngestedPartition, PartitionState};
    use std::time::Duration;

    fn report(created: u64, end: i64) -> Ingestion {
        let partition = IngestedPartition {
            partition: 0,
            stored_offset: Some(end - 2),
            end_offset: end,
            lag: 2,
            lag_seconds: None,
            state: PartitionState::Reading,
            reason: None,
        };
        Ingestion {
            enabled: true,
            topic: Some("ratings".to_owned()),
            events: IngestedEvents { created, ..IngestedEvents::default() },
            lag: 2,
            partitions: vec![partition],
            ..Ingestion::default()
        }
    }

    #[test]
    fn rates_are_those_between_polls() {
        let (mut reports, now) = (Reports::default(), Instant::now());
        reports.polled(vec![("a".to_owned(), Ok(report(100, 1000)))], now);
        assert_eq!((reports.produced_per_second(), reports.ingesting()[0].1), (None, None));
        reports.polled(vec![("a".to_owned(), Ok(report(130, 1060)))], now + Duration::from_secs(3));
        assert_eq!(reports.produced_per_second(), Some(20.0));
        assert_eq!(reports.ingesting(), [("a".to_owned(), Some(10.0), 2)]);
        let shown = &reports.json()[0];
        assert_eq!(shown["partitions"][0]["storedOffset"], 1058);
        assert_eq!(shown["events"]["created"], 130);
        // A partition that another instance takes over was not produced again.
        reports.polled(vec![("b".to_owned(), Ok(report(1, 1060)))], now + Duration::from_secs(6));
        assert_eq!(reports.produced_per_second(), Some(10.0));
        assert_eq!(reports.json().len(), 1);
    }

    #[test]
    fn restarted_instance_has_no_rate_at_first() {
        let (mut reports, now) = (Reports::default(), Instant::now());
        reports.polled(vec![("a".to_owned(), Ok(report(100, 1000)))], now);
        reports.polled(vec![("a".to_owned(), Ok(report(1, 1000)))], now + Duration::from_secs(1));
        assert_eq!(reports.ingesting()[0].1, None);
    }

    #[test]
    fn instance_without_a_response_shows_the_error() {
        let mut reports = Reports::default();
        reports.polled(vec![("a".to_owned(), Err("no response".to_owned()))], Instant::now());
        assert_eq!(reports.json()[0]["error"], "no response");
        assert!(reports.ingesting().is_empty());
    }
}
