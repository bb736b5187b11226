//! Exemplars of the request durations: for each bucket the trace id of its latest sampled request.
//!
//! `prometheus-client` writes only the exemplars of its `HistogramWithExemplars`, which takes a write lock for each
//! observation. Therefore they are kept apart, for sampled requests only, and appended to the lines of the text.

use super::durations::{BOUNDS, NAME};
use super::labels::Place;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The id of a trace, as W3C Trace Context defines it.
pub(super) type TraceId = [u8; 16];

/// The exemplars of all routes.
#[derive(Debug, Default)]
pub(super) struct Exemplars(Mutex<HashMap<Place, Buckets>>);

type Buckets = [Option<Exemplar>; BOUNDS.len()];

#[derive(Clone, Copy, Debug)]
struct Exemplar {
    trace: TraceId,
    took: Duration,
    at: SystemTime,
}

impl Exemplars {
    /// Keeps the trace id of a request that was counted in `bucket`.
    pub(super) fn keep(&self, place: Place, bucket: usize, took: Duration, trace: TraceId) {
        let exemplar = Exemplar { trace, took, at: SystemTime::now() };
        let mut exemplars = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        exemplars.entry(place).or_default()[bucket] = Some(exemplar);
    }

    /// Returns OpenMetrics `text` with the exemplars.
    pub(super) fn annotate(&self, text: String) -> String {
        let exemplars = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if exemplars.is_empty() {
            return text;
        }
        let by_labels: HashMap<String, &Buckets> = exemplars
            .iter()
            .map(|(Place { protocol, route }, buckets)| {
                (format!("protocol=\"{}\",route=\"{route}\"", protocol.name()), buckets)
            })
            .collect();
        let mut annotated = String::with_capacity(text.len() + exemplars.len() * 256);
        for line in text.lines() {
            annotated.push_str(line);
            let exemplar = bucket(line).and_then(|(bucket, labels)| by_labels.get(labels)?[bucket]);
            if let Some(Exemplar { trace, took, at }) = exemplar {
                let (id, took) = (u128::from_be_bytes(trace), took.as_secs_f64());
                let at = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
                // Writing to a string cannot fail.
                _ = write!(annotated, " # {{trace_id=\"{id:032x}\"}} {took} {at:.3}");
            }
            annotated.push('\n');
        }
        annotated
    }
}

/// Returns the index of the bucket on a line of the histogram, and its other labels.
fn bucket(line: &str) -> Option<(usize, &str)> {
    let labels = line.strip_prefix(NAME)?.strip_prefix("_bucket{le=\"")?;
    let (bound, labels) = labels.split_once("\",")?;
    let bound: f64 = bound.parse().ok()?;
    let (labels, _) = labels.rsplit_once("} ")?;
    Some((BOUNDS.iter().position(|known| *known == bound)?, labels))
}
