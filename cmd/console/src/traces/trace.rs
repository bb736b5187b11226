//! A trace: the spans that have arrived, in any order, and what the list shows of them.

use super::index::Keys;
use super::span::{Kind, Span};
use std::sync::Arc;

/// The spans without a parent that a trace accepts beyond its limit: the first span of a trace arrives last.
const SPARE: usize = 8;

/// A trace.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) id: u128,
    pub(crate) spans: Vec<Span>,
    /// The index of the span that the trace begins with, as far as it has arrived.
    entry: usize,
    start: u64,
    end: u64,
    /// Whether a span of a consumer failed, which has no caller to report it to.
    failed_consumer: bool,
    /// The shares of the services that take part, one bit each.
    services: u64,
    /// Spans that were refused because the trace is full.
    pub(crate) refused: u64,
    pub(crate) bytes: usize,
}

/// What became of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It was added.
    New,
    /// The trace has it already: exporters repeat what was not acknowledged.
    Known,
    /// The trace is full.
    Refused,
}

/// The memory of a trace beside its spans: the struct, its places in the maps and in the indexes.
pub(crate) const BASE: usize = 512;

impl Trace {
    /// Creates a trace without spans.
    pub(crate) fn new(id: u128) -> Self {
        Self {
            id,
            spans: Vec::new(),
            entry: 0,
            start: u64::MAX,
            end: 0,
            failed_consumer: false,
            services: 0,
            refused: 0,
            bytes: BASE,
        }
    }

    /// Adds a span of the service with the share `service`.
    pub(crate) fn add(&mut self, span: Span, service: usize, max_spans: usize, max_bytes: usize) -> Added {
        if self.spans.iter().any(|known| known.id == span.id) {
            return Added::Known;
        }
        let size = span.size();
        let spare = if span.parent.is_none() { SPARE } else { 0 };
        if self.spans.len() >= max_spans + spare || (self.bytes + size > max_bytes && spare == 0) {
            self.refused += 1;
            return Added::Refused;
        }
        self.start = self.start.min(span.start);
        self.end = self.end.max(span.end);
        self.failed_consumer |= span.error && span.kind == Kind::Consumer;
        self.services |= 1 << service;
        self.bytes += size;
        let earlier =
            |entry: &Span| (span.parent.is_some(), span.start) < (entry.parent.is_some(), entry.start);
        if self.spans.get(self.entry).is_none_or(earlier) {
            self.entry = self.spans.len();
        }
        self.spans.push(span);
        Added::New
    }

    /// Returns the span that the trace begins with: the earliest without a parent, or the earliest of all.
    pub(crate) fn entry(&self) -> Option<&Span> {
        self.spans.get(self.entry)
    }

    /// Returns true if a span without a parent has arrived.
    pub(crate) fn has_root(&self) -> bool {
        self.entry().is_some_and(|entry| entry.parent.is_none())
    }

    /// Returns the start of the first span.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// Returns the time from the start of the first span to the end of the last.
    pub(crate) fn duration(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Returns true if the entry failed, or a consumer. An attempt that failed and was retried with success is no
    /// failure of the trace.
    pub(crate) fn failed(&self) -> bool {
        self.failed_consumer || self.entry().is_some_and(|entry| entry.error)
    }

    /// Returns true if the service with the share `service` takes part.
    pub(crate) fn has_service(&self, service: usize) -> bool {
        self.services >> service & 1 == 1
    }

    /// Returns what the trace is found by, if it has a span; `owner` is the share of the entry's service.
    pub(crate) fn keys(&self, owner: usize) -> Option<Keys> {
        let entry = self.entry()?;
        Some(Keys {
            start: self.start,
            duration: self.duration(),
            failed: self.failed(),
            route: Arc::clone(&entry.name),
            services: self.services,
            owner,
        })
    }
}
