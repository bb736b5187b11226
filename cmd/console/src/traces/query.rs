//! Which traces a list shows, and in which order.

use super::index::Index;
use super::trace::Trace;
use crate::text::Needle;
use crate::time::{duration_ms, time_ms};
use serde::Serialize;
use std::sync::Arc;

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    /// By start, the latest first.
    #[default]
    Newest,
    /// By duration, the longest first.
    Slowest,
    /// Failed traces only, the latest first.
    Failed,
}

/// A selection of traces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    /// Only traces that this service takes part in.
    pub(crate) service: Option<String>,
    /// Only traces whose entry has this name.
    pub(crate) route: Option<String>,
    /// Only traces that failed, or did not.
    pub(crate) failed: Option<bool>,
    /// Only traces that took at least this time, in nanoseconds.
    pub(crate) min_duration: u64,
    /// Only traces that contain this text.
    pub(crate) text: Option<Needle>,
    /// Leaves out traces that began after this time and whose entry, which ends last, has not arrived.
    pub(crate) arriving_since: Option<u64>,
    /// The order.
    pub(crate) order: Order,
    /// The maximum number of traces.
    pub(crate) limit: usize,
}

impl Query {
    /// Returns the numbers of the traces among which the selected ones are, in the order of the list: those of the
    /// smallest index that has the order.
    pub(super) fn candidates<'a>(
        &self,
        index: &'a Index,
        service: Option<usize>,
    ) -> Box<dyn Iterator<Item = u64> + 'a> {
        let order = match (self.order, &self.route, service) {
            (Order::Slowest, ..) => Some(&index.slowest),
            (Order::Failed, ..) => Some(&index.failed),
            (Order::Newest, ..) if self.failed == Some(true) => Some(&index.failed),
            (Order::Newest, Some(route), _) => index.of_route(route),
            (Order::Newest, None, Some(service)) => index.of_service(service),
            (Order::Newest, None, None) => Some(&index.newest),
        };
        Box::new(order.into_iter().flat_map(|order| order.iter().rev().map(|&(_, sequence)| sequence)))
    }

    /// Returns true if neither `trace` nor any after it is selected.
    pub(super) fn is_past(&self, trace: &Trace) -> bool {
        self.order == Order::Slowest && trace.duration() < self.min_duration
    }

    /// Returns true if `trace` is selected; `service` is the share of the query's service.
    pub(super) fn selects(&self, trace: &Trace, service: Option<usize>) -> bool {
        trace.duration() >= self.min_duration
            && (trace.has_root() || self.arriving_since.is_none_or(|since| trace.start() <= since))
            && service.is_none_or(|service| trace.has_service(service))
            && self.failed.is_none_or(|failed| trace.failed() == failed)
            && self
                .route
                .as_deref()
                .is_none_or(|route| trace.entry().is_some_and(|entry| &*entry.name == route))
            && self.text.as_ref().is_none_or(|text| contains(trace, text))
    }
}

/// Returns true if the id of `trace`, or a name, message, attribute or event of its spans contains `text`.
fn contains(trace: &Trace, text: &Needle) -> bool {
    format!("{:032x}", trace.id).contains(text.as_str())
        || trace.spans.iter().any(|span| {
            text.is_in(&span.name)
                || text.is_in(span.attributes.get())
                || text.is_in(&span.resource.service)
                || span.resource.instance.as_deref().is_some_and(|instance| text.is_in(instance))
                || span.message.as_deref().is_some_and(|message| text.is_in(message))
                || text.is_in(span.events.get())
        })
}

/// A row of the list.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    trace_id: String,
    service: Arc<str>,
    name: Arc<str>,
    start_ms: f64,
    duration_ms: f64,
    spans: usize,
    services: Vec<Arc<str>>,
    error: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<u16>,
}

impl Summary {
    /// Summarizes `trace`.
    pub(super) fn of(trace: &Trace) -> Self {
        let entry = trace.entry();
        let mut services: Vec<_> =
            trace.spans.iter().map(|span| Arc::clone(&span.resource.service)).collect();
        services.sort();
        services.dedup();
        Self {
            trace_id: format!("{:032x}", trace.id),
            service: entry.map_or_else(|| "".into(), |entry| Arc::clone(&entry.resource.service)),
            name: entry.map_or_else(|| "".into(), |entry| Arc::clone(&entry.name)),
            start_ms: time_ms(trace.start()),
            duration_ms: duration_ms(trace.duration()),
            spans: trace.spans.len(),
            services,
            error: trace.failed(),
            status_code: entry.and_then(|entry| entry.status),
        }
    }

    /// Returns the trace's id.
    #[cfg(test)]
    pub(crate) fn trace_id(&self) -> &str {
        &self.trace_id
    }
}
