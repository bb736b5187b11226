//! Comparison of the aggregates that the rating service serves with the run's own count.

mod service;
mod tally;

pub(crate) use tally::Tally;

use api::json::Aggregate;
use http::Uri;
use model::Value;
use service::{Service, batches};
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;
use tally::Count;
use tokio::time::Instant;

/// The pause between requests to the service.
const LOOK: Duration = Duration::from_millis(200);

/// The result of a comparison.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// The number of records compared.
    pub(crate) compared: usize,
    /// The number of records skipped because an event about them was rejected.
    pub(crate) doubtful: usize,
    /// The records that differ.
    pub(crate) differences: Vec<Difference>,
}

/// A record whose served ratings differ from those sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    record: String,
    sent: Count,
    served: Count,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { record, sent, served } = self;
        write!(f, "{record}: {sent} were sent, {served} are served")
    }
}

/// Polls the service at `address` until it serves what `tally` expects, at most for `patience`. Returns an error if
/// it can't be reached.
pub(crate) async fn verify(address: &Uri, tally: &Tally, patience: Duration) -> Result<Verdict, String> {
    let service = Service::new(address);
    let deadline = Instant::now() + patience;
    let all = tally.certain();
    let verdict = |differences| Verdict { compared: all.len(), doubtful: tally.doubtful(), differences };
    let mut pending = all.clone();
    loop {
        let last = differences(&service, tally, &pending).await;
        match &last {
            Ok(found) if found.is_empty() && pending.len() == all.len() => return Ok(verdict(Vec::new())),
            // Records that were equal before may have changed since.
            Ok(found) if found.is_empty() => pending.clone_from(&all),
            Ok(found) => {
                let wrong = |record: &&(&str, &str)| found.contains_key(record);
                pending = pending.iter().filter(wrong).copied().collect();
            }
            Err(_) => {}
        }
        if Instant::now() + LOOK > deadline {
            let mut differences: Vec<_> = last?.into_values().collect();
            differences.sort_by(|a, b| a.record.cmp(&b.record));
            return Ok(verdict(differences));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn differences<'a>(
    service: &Service,
    tally: &Tally,
    records: &[(&'a str, &'a str)],
) -> Result<HashMap<(&'a str, &'a str), Difference>, String> {
    let mut differences = HashMap::new();
    for batch in batches(records) {
        let Some((record_type, _)) = batch.records.first() else { continue };
        let list = service.aggregates(record_type, &batch.ids).await?;
        let found = list.aggregates.iter().map(|aggregate| (aggregate.record_id.as_str(), served(aggregate)));
        let found: HashMap<&str, Count> = found.collect();
        for &record in batch.records {
            let sent = tally.count(record);
            let served = found.get(record.1).copied().unwrap_or_default();
            if sent != served {
                let record_name = format!("{}/{}", record.0, record.1);
                differences.insert(record, Difference { record: record_name, sent, served });
            }
        }
    }
    Ok(differences)
}

fn served(aggregate: &Aggregate) -> Count {
    let mut histogram = [0; Value::COUNT];
    for (kept, count) in histogram.iter_mut().zip(&aggregate.histogram) {
        *kept = *count;
    }
    Count { histogram, count: aggregate.count, sum: aggregate.sum, doubtful: false }
}
