//! The trace store as plain lists.

use super::super::query::{Order, Query};
use super::super::span::{Kind, Span};
use super::super::trace::BASE;
use super::super::{Counts, Limits};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the model keeps of a span.
#[derive(Clone)]
struct Kept {
    id: u64,
    has_parent: bool,
    service: Arc<str>,
    name: Arc<str>,
    start: u64,
    end: u64,
    failed_consumer: bool,
    error: bool,
    size: usize,
}

struct Trace {
    id: u128,
    spans: Vec<Kept>,
}

/// The model: traces in order of arrival.
pub(super) struct Model {
    limits: Limits,
    traces: Vec<Trace>,
    gone: Vec<u128>,
    services: Vec<Arc<str>>,
    dropped: BTreeMap<Arc<str>, u64>,
    received: u64,
    dropped_spans: u64,
}

impl Trace {
    fn entry(&self) -> &Kept {
        self.spans.iter().min_by_key(|span| (span.has_parent, span.start)).unwrap()
    }

    fn start(&self) -> u64 {
        self.spans.iter().map(|span| span.start).min().unwrap()
    }

    fn duration(&self) -> u64 {
        self.spans.iter().map(|span| span.end).max().unwrap() - self.start()
    }

    fn failed(&self) -> bool {
        self.entry().error || self.spans.iter().any(|span| span.failed_consumer)
    }

    fn bytes(&self) -> usize {
        BASE + self.spans.iter().map(|span| span.size).sum::<usize>()
    }
}

impl Model {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            traces: Vec::new(),
            gone: Vec::new(),
            services: Vec::new(),
            dropped: BTreeMap::new(),
            received: 0,
            dropped_spans: 0,
        }
    }

    pub(super) fn add(&mut self, batch: &[Span]) -> u64 {
        self.received += batch.len() as u64;
        let mut ids: Vec<u128> = batch.iter().map(|span| span.trace).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut refused = 0;
        for id in ids {
            let spans: Vec<&Span> = batch.iter().filter(|span| span.trace == id).collect();
            if self.gone.contains(&id) {
                self.dropped_spans += spans.len() as u64;
                continue;
            }
            if !self.traces.iter().any(|trace| trace.id == id) {
                self.traces.push(Trace { id, spans: Vec::new() });
            }
            for span in spans {
                refused += u64::from(!self.add_span(span));
            }
            self.shrink();
        }
        self.dropped_spans += refused;
        refused
    }

    fn add_span(&mut self, span: &Span) -> bool {
        if !self.services.contains(&span.resource.service) {
            self.services.push(Arc::clone(&span.resource.service));
        }
        let trace = self.traces.iter_mut().find(|trace| trace.id == span.trace).unwrap();
        if trace.spans.iter().any(|known| known.id == span.id) {
            return true;
        }
        let spare = if span.parent.is_none() { 8 } else { 0 };
        if trace.spans.len() >= self.limits.trace_spans + spare {
            return false;
        }
        trace.spans.push(Kept {
            id: span.id,
            has_parent: span.parent.is_some(),
            service: Arc::clone(&span.resource.service),
            name: Arc::clone(&span.name),
            start: span.start,
            end: span.end,
            failed_consumer: span.error && span.kind == Kind::Consumer,
            error: span.error,
            size: span.size(),
        });
        true
    }

    fn bytes(&self) -> usize {
        self.traces.iter().map(Trace::bytes).sum()
    }

    fn shrink(&mut self) {
        while self.bytes() > self.limits.bytes || self.traces.len() > self.limits.traces {
            let traces = &self.traces;
            let of = |service: &Arc<str>| {
                let service = Arc::clone(service);
                traces.iter().filter(move |trace| trace.entry().service == service)
            };
            let largest = if self.bytes() > self.limits.bytes {
                self.services.iter().max_by_key(|service| of(service).map(Trace::bytes).sum::<usize>())
            } else {
                self.services.iter().max_by_key(|service| of(service).count())
            };
            let largest = Arc::clone(largest.unwrap());
            let oldest = self.traces.iter().position(|trace| trace.entry().service == largest).unwrap();
            let dropped = self.traces.remove(oldest);
            *self.dropped.entry(largest).or_default() += 1;
            self.dropped_spans += dropped.spans.len() as u64;
            self.gone.push(dropped.id);
        }
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            stored: self.traces.len(),
            limit: self.limits.traces,
            received: self.received,
            dropped: self.dropped.clone(),
            dropped_spans: self.dropped_spans,
            spans: self.traces.iter().map(|trace| trace.spans.len()).sum(),
            bytes: self.bytes(),
        }
    }

    pub(super) fn find(&self, query: &Query) -> Vec<String> {
        let selected = |(_, trace): &(usize, &Trace)| {
            trace.duration() >= query.min_duration
                && query.failed.is_none_or(|failed| trace.failed() == failed)
                && (query.order != Order::Failed || trace.failed())
                && query.route.as_ref().is_none_or(|route| *trace.entry().name == **route)
                && query
                    .service
                    .as_ref()
                    .is_none_or(|service| trace.spans.iter().any(|span| *span.service == **service))
                && query.text.as_ref().is_none_or(|text| {
                    trace.spans.iter().any(|span| span.name.to_ascii_lowercase().contains(text.as_str()))
                })
        };
        let mut found: Vec<_> = self.traces.iter().enumerate().filter(selected).collect();
        found.sort_by_key(|(arrival, trace)| match query.order {
            Order::Slowest => std::cmp::Reverse((trace.duration(), *arrival)),
            Order::Newest | Order::Failed => std::cmp::Reverse((trace.start(), *arrival)),
        });
        found.into_iter().take(query.limit).map(|(_, trace)| format!("{:032x}", trace.id)).collect()
    }
}
