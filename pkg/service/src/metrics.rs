//! Metrics of a service: requests by protocol, route and status, their duration, process and runtimes, and the service's
//! own metrics. One registry per service, never a global one.

mod body;
mod durations;
mod exemplars;
mod in_flight;
mod labels;
mod log;
mod process;
mod recorder;
mod registry;
mod runtime;
mod spans;
#[cfg(test)]
mod tests;

pub(crate) use body::{Call, Measured};
pub(crate) use labels::{Protocol, Status, grpc_name};
pub(crate) use recorder::{Began, Recorder};
pub(crate) use runtime::Runtimes;

use durations::Durations;
use exemplars::Exemplars;
use in_flight::InFlightSum;
use labels::{Place, Request};
use meter::Sampler;
use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use trace::Tracer;

/// One service's metrics; clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    requests: Family<Request, Counter>,
    durations: Family<Place, Durations>,
    exemplars: Arc<Exemplars>,
    in_flight: Arc<InFlightSum>,
}

impl Metrics {
    /// Creates the metrics of requests, of the process and of the log.
    #[must_use]
    pub fn new() -> Self {
        let metrics = Self {
            registry: Arc::default(),
            requests: Family::default(),
            durations: Family::default(),
            exemplars: Arc::default(),
            in_flight: Arc::default(),
        };
        metrics.registry(|registry| {
            let help = "Requests, by protocol, route and status";
            registry.register("requests", help, metrics.requests.clone());
            let help = "Time from a request's head to the response's head (gRPC: trailers)";
            registry.register(durations::NAME, help, metrics.durations.clone());
        });
        let in_flight = Arc::clone(&metrics.in_flight);
        let help = "Requests whose response has not been sent completely";
        metrics.collect(move |to| to.gauge("requests_in_flight", help, in_flight.get()));
        metrics.collect(log::sample);
        metrics.collect(process::sample);
        metrics
    }

    /// Calls `register` to add the service's own metrics.
    pub fn registry<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        register(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds metrics that `sample` encodes at each scrape, on a thread that serves requests: it must not wait.
    pub fn collect(&self, sample: impl Fn(&mut Sampler<'_>) -> fmt::Result + Send + Sync + 'static) {
        self.registry(|registry| meter::collect(registry, sample));
    }

    /// Adds the state of `registry`.
    pub(crate) fn tell_up(&self, registry: Arc<dyn discovery::Registry>) {
        self.collect(move |to| registry::sample(&*registry, to));
    }

    /// Adds what `tracer` exports.
    pub(crate) fn count_spans(&self, tracer: Tracer) {
        self.collect(move |to| spans::sample(&tracer, to));
    }

    /// Adds the runtimes.
    pub(crate) fn observe_runtimes(&self, runtimes: Runtimes) {
        self.collect(move |to| runtimes.sample(to));
    }

    /// Returns all metrics as text: OpenMetrics 1.0 with exemplars, or Prometheus 0.0.4.
    pub(crate) fn text(&self, open_metrics: bool) -> Result<String, fmt::Error> {
        let mut text = String::new();
        if open_metrics {
            self.registry(|registry| text::encode(&mut text, registry))?;
            return Ok(self.exemplars.annotate(text));
        }
        self.registry(|registry| prometheus_text::encode(&mut text, registry))?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
