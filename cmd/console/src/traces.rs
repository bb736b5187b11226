//! The traces of all services, bounded in number and in bytes.
//!
//! A trace counts for the service of its entry. A full store drops the oldest trace of the service with the largest
//! share, and counts it.

mod detail;
mod forgotten;
mod index;
mod query;
pub(crate) mod span;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod trace;

pub(crate) use detail::Detail;
pub(crate) use query::{Order, Query, Summary};

use crate::share::Shares;
use forgotten::Forgotten;
use index::Index;
use serde::Serialize;
use span::Span;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use trace::{Added, Trace};

/// The limits of a store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The maximum number of traces.
    pub(crate) traces: usize,
    /// The maximum memory of all traces, in bytes.
    pub(crate) bytes: usize,
    /// The maximum number of spans in a trace.
    pub(crate) trace_spans: usize,
    /// The maximum memory of a trace, in bytes.
    pub(crate) trace_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { traces: 10_000, bytes: 32 << 20, trace_spans: 1_000, trace_bytes: 1 << 20 }
    }
}

/// The stored traces.
#[derive(Debug)]
pub(crate) struct Store {
    limits: Limits,
    /// By sequence number, in order of arrival.
    traces: HashMap<u64, Trace>,
    sequences: HashMap<u128, u64>,
    next: u64,
    /// By the id of a trace: the stored traces that have a link to it.
    linking: HashMap<u128, BTreeSet<u64>>,
    index: Index,
    shares: Shares,
    forgotten: Forgotten,
    spans: usize,
    bytes: usize,
    received: u64,
    dropped_spans: u64,
}

/// The counts of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    /// The number of stored traces.
    pub(crate) stored: usize,
    /// The maximum number of stored traces.
    pub(crate) limit: usize,
    /// The number of spans received since the start.
    pub(crate) received: u64,
    /// The numbers of traces dropped since the start, by service.
    pub(crate) dropped: BTreeMap<Arc<str>, u64>,
    /// The number of spans dropped since the start: with their trace, refused by a full one, or late.
    pub(crate) dropped_spans: u64,
    /// The number of stored spans.
    pub(crate) spans: usize,
    /// An estimate of the memory of the stored traces.
    pub(crate) bytes: usize,
}

impl Store {
    /// Creates an empty store.
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            traces: HashMap::new(),
            sequences: HashMap::new(),
            next: 0,
            linking: HashMap::new(),
            index: Index::default(),
            shares: Shares::default(),
            forgotten: Forgotten::default(),
            spans: 0,
            bytes: 0,
            received: 0,
            dropped_spans: 0,
        }
    }

    /// Adds spans, and returns how many were refused because their trace is full.
    pub(crate) fn add(&mut self, mut spans: Vec<Span>) -> u64 {
        self.received += spans.len() as u64;
        spans.sort_by_key(|span| span.trace);
        let mut refused = 0;
        let mut spans = spans.into_iter().peekable();
        while let Some(first) = spans.next() {
            let id = first.trace;
            let mut of_trace = vec![first];
            of_trace.extend(std::iter::from_fn(|| spans.next_if(|span| span.trace == id)));
            if self.forgotten.contains(id) {
                self.dropped_spans += of_trace.len() as u64;
            } else {
                refused += self.add_to(id, of_trace);
                self.shrink();
            }
        }
        self.dropped_spans += refused;
        refused
    }

    /// Counts spans that were received but not valid.
    pub(crate) fn count_invalid(&mut self, spans: u64) {
        self.received += spans;
        self.dropped_spans += spans;
    }

    fn add_to(&mut self, id: u128, spans: Vec<Span>) -> u64 {
        let sequence = *self.sequences.entry(id).or_insert(self.next);
        let mut trace = self.traces.remove(&sequence).unwrap_or_else(|| Trace::new(id));
        let old = self.keys(&trace);
        if old.is_none() {
            self.next += 1;
        }
        let (spans_before, bytes_before, refused_before) = (trace.spans.len(), trace.bytes, trace.refused);
        for span in spans {
            let service = self.shares.index(&span.resource.service);
            if trace.add(span, service, self.limits.trace_spans, self.limits.trace_bytes) == Added::New
                && let Some(span) = trace.spans.last()
            {
                for link in span.links.iter().filter(|link| link.trace != id) {
                    self.linking.entry(link.trace).or_default().insert(sequence);
                }
            }
        }
        let new = self.keys(&trace);
        self.index.replace(sequence, old.as_ref(), new.as_ref());
        if let Some(old) = &old {
            self.shares.remove(old.owner, 1, bytes_before);
            self.bytes -= bytes_before;
        }
        if let Some(new) = &new {
            self.shares.add(new.owner, 1, trace.bytes);
            self.bytes += trace.bytes;
        }
        self.spans += trace.spans.len() - spans_before;
        let refused = trace.refused - refused_before;
        if trace.spans.is_empty() {
            self.sequences.remove(&id);
        } else {
            self.traces.insert(sequence, trace);
        }
        refused
    }

    fn keys(&mut self, trace: &Trace) -> Option<index::Keys> {
        let owner = self.shares.index(&trace.entry()?.resource.service);
        trace.keys(owner)
    }

    /// Drops traces until the limits are respected.
    fn shrink(&mut self) {
        loop {
            let owner = if self.bytes > self.limits.bytes {
                self.shares.largest()
            } else if self.traces.len() > self.limits.traces {
                self.shares.fullest()
            } else {
                return;
            };
            let oldest = owner.and_then(|owner| Some((owner, self.index.oldest(owner)?)));
            let Some((owner, sequence)) = oldest else { return };
            self.drop_trace(owner, sequence);
        }
    }

    fn drop_trace(&mut self, owner: usize, sequence: u64) {
        let Some(trace) = self.traces.remove(&sequence) else { return };
        let keys = self.keys(&trace);
        self.index.replace(sequence, keys.as_ref(), None);
        self.sequences.remove(&trace.id);
        for link in trace.spans.iter().flat_map(|span| &span.links) {
            if let Some(linking) = self.linking.get_mut(&link.trace) {
                linking.remove(&sequence);
                if linking.is_empty() {
                    self.linking.remove(&link.trace);
                }
            }
        }
        self.shares.remove(owner, 1, trace.bytes);
        self.shares.count_dropped(owner);
        self.bytes -= trace.bytes;
        self.spans -= trace.spans.len();
        self.dropped_spans += trace.spans.len() as u64;
        self.forgotten.add(trace.id);
    }

    /// Returns the trace with the id `id`.
    fn get(&self, id: u128) -> Option<&Trace> {
        self.traces.get(self.sequences.get(&id)?)
    }

    /// Returns true if the trace `id` was stored and dropped lately.
    pub(crate) fn was_dropped(&self, id: u128) -> bool {
        self.forgotten.contains(id)
    }

    /// Returns the counts.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            stored: self.traces.len(),
            limit: self.limits.traces,
            received: self.received,
            dropped: self.shares.dropped(),
            dropped_spans: self.dropped_spans,
            spans: self.spans,
            bytes: self.bytes,
        }
    }

    /// Returns the names of the services, sorted.
    pub(crate) fn services(&self) -> Vec<Arc<str>> {
        self.shares.names()
    }

    /// Returns the names of the entries of stored traces, at most `limit`, the most frequent first.
    pub(crate) fn routes(&self, limit: usize) -> Vec<Arc<str>> {
        self.index.routes(limit)
    }

    /// Finds the traces that `query` selects, in its order.
    pub(crate) fn find(&self, query: &Query) -> Vec<Summary> {
        let service = query.service.as_deref().map(|service| self.shares.find(service));
        let Ok(service) = service.map_or(Ok(None), |found| found.map(Some).ok_or(())) else {
            return Vec::new();
        };
        let found = query.candidates(&self.index, service).filter_map(|sequence| self.traces.get(&sequence));
        let found = found.take_while(|trace| !query.is_past(trace));
        found.filter(|trace| query.selects(trace, service)).take(query.limit).map(Summary::of).collect()
    }

    /// Returns the trace `id` with the spans of others that are linked with it.
    pub(crate) fn detail(&self, id: u128) -> Option<Detail> {
        let trace = self.get(id)?;
        let linking = self.linking.get(&id).into_iter().flatten();
        let linking = linking.filter_map(|sequence| self.traces.get(sequence));
        Some(Detail::of(trace, linking, |id| self.get(id)))
    }
}
