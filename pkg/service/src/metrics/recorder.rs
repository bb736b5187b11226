//! Counting of requests without a look-up in shared maps for each.

use super::Metrics;
use super::durations::Durations;
use super::exemplars::TraceId;
use super::in_flight::{InFlight, InFlightCount};
use super::labels::{Place, Protocol, Request, Status};
use foldhash::fast::RandomState;
use prometheus_client::metrics::counter::Counter;
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
    in_flight: InFlightCount,
}

/// The counters of each route; as many as the service has routes, and one for all unknown ones.
type Rows = HashMap<Arc<str>, Row, RandomState>;

#[derive(Debug)]
struct Row {
    durations: Durations,
    requests: Vec<(Status, Counter)>,
}

/// When a request began, and its trace if it is sampled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Began {
    pub(super) at: Instant,
    pub(super) trace: Option<TraceId>,
}

impl Began {
    /// Returns the beginning of the request that the current task serves.
    pub(crate) fn current(at: Instant) -> Self {
        Self { at, trace: trace::current_ids().map(|(trace, _)| trace.to_be_bytes()) }
    }

    /// Returns the time.
    pub(crate) const fn at(self) -> Instant {
        self.at
    }
}

impl Recorder {
    pub(crate) fn new(metrics: Metrics) -> Self {
        let in_flight = metrics.in_flight.add_worker();
        Self { metrics, http: Mutex::default(), grpc: Mutex::default(), in_flight }
    }

    /// Counts a request as in flight.
    pub(crate) fn enter(&self) -> InFlight {
        self.in_flight.enter()
    }

    /// Counts a response to a request that `began` then. The trace id of a sampled one becomes an exemplar.
    pub(crate) fn record(
        &self,
        protocol: Protocol,
        route: Option<&str>,
        status: Status,
        Began { at, trace }: Began,
    ) {
        let (took, route) = (at.elapsed(), route.unwrap_or(UNKNOWN));
        let rows = match protocol {
            Protocol::Http => &self.http,
            Protocol::Grpc => &self.grpc,
        };
        let rows = &mut *rows.lock().unwrap_or_else(PoisonError::into_inner);
        let row = match rows.get_mut(route) {
            Some(row) => row,
            None => rows.entry(route.into()).or_insert(self.row(protocol, route)),
        };
        let bucket = row.durations.observe(took);
        if let Some(trace) = trace {
            self.metrics.exemplars.keep(Place { protocol, route: route.into() }, bucket, took, trace);
        }
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
