//! Counting of requests without a look-up in shared maps for each.

use super::{Metrics, Place, Protocol, Request, Status};
use foldhash::fast::RandomState;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The route of unknown paths, which share one row.
const UNKNOWN: &str = "unknown";

/// Counts one worker's requests. It caches the rows of the metrics' families, which are locked and
/// whose labels are slow to hash.
#[derive(Debug)]
pub(crate) struct Recorder {
    metrics: Metrics,
    http: Mutex<Rows>,
    grpc: Mutex<Rows>,
}

/// The counters of each route; as many as the service has routes, and one for all unknown ones.
type Rows = HashMap<Arc<str>, Row, RandomState>;

#[derive(Debug)]
struct Row {
    durations: Histogram,
    requests: Vec<(Status, Counter)>,
}

impl Recorder {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self { metrics, http: Mutex::default(), grpc: Mutex::default() }
    }

    /// Counts a response to a request that `began` then.
    pub(crate) fn record(&self, protocol: Protocol, route: Option<&str>, status: Status, began: Instant) {
        let (took, route) = (began.elapsed(), route.unwrap_or(UNKNOWN));
        let rows = match protocol {
            Protocol::Http => &self.http,
            Protocol::Grpc => &self.grpc,
        };
        let rows = &mut *rows.lock().unwrap_or_else(PoisonError::into_inner);
        let row = match rows.get_mut(route) {
            Some(row) => row,
            None => rows.entry(route.into()).or_insert(self.row(protocol, route)),
        };
        row.durations.observe(took.as_secs_f64());
        let counted = row.requests.iter().position(|(counted, _)| *counted == status);
        let counted = counted.unwrap_or_else(|| {
            let request = Request { protocol, route: route.into(), status };
            row.requests.push((status, self.metrics.requests.get_or_create_owned(&request)));
            row.requests.len() - 1
        });
        row.requests[counted].1.inc();
    }

    fn row(&self, protocol: Protocol, route: &str) -> Row {
        let place = Place { protocol, route: route.into() };
        Row { durations: self.metrics.durations.get_or_create_owned(&place), requests: Vec::new() }
    }
}
