//! The spans of merged reads: one for the wait of each sampled read, and one for each batch with such a read. A batch
//! belongs to the trace of one of them and is linked with the others.

use super::batch::Batch;
use crate::gateway::Error;
use trace::{Origin, RequestScope, Span, SpanKind};

/// Starts the span of a read's wait.
pub(super) fn read(service: &'static str) -> Span {
    let span = trace::span("read", SpanKind::Internal);
    span.rename(|| format!("read {service}"));
    span
}

/// Starts the span of a batch; nothing if none of its reads is sampled.
pub(super) fn batch<V>(service: &'static str, batch: &Batch<V>) -> Span {
    let mut reads = sampled(batch);
    let Some(first) = reads.next() else { return Span::none() };
    let span = first.child("coalesce", SpanKind::Internal);
    describe(&span, service, batch);
    for read in reads {
        span.link(read.context());
        read.link(span.context());
    }
    span
}

/// Starts the span of a part of a failed batch.
pub(super) fn part<V>(whole: &Span, service: &'static str, part: &Batch<V>) -> Span {
    let span = whole.child("coalesce", SpanKind::Internal);
    describe(&span, service, part);
    span.set("marquee.batch.part", true);
    span
}

fn describe<V>(span: &Span, service: &'static str, batch: &Batch<V>) {
    if span.is_recording() {
        span.rename(|| format!("coalesce {service}"));
        span.set("marquee.batch.size", number(batch.len()));
        span.set("marquee.batch.sampled", number(sampled(batch).count()));
    }
}

fn sampled<V>(batch: &Batch<V>) -> impl Iterator<Item = &Origin> {
    let readers = batch.values().flatten().filter_map(|waiter| waiter.reader.as_deref());
    readers.map(|reader| &reader.read).filter(|read| read.is_sampled())
}

/// Records the failure of a read or a batch.
pub(super) fn failed(span: &Span, error: &Error) {
    if span.is_recording() {
        span.fail(error.to_string());
    }
}

/// Returns the scope of the request that a batch belongs to, if it is one request's and that has an id.
pub(super) fn request<V>(batch: &Batch<V>) -> Option<RequestScope> {
    let mut waiters = batch.values().flatten();
    let (Some(only), None) = (waiters.next(), waiters.next()) else { return None };
    only.reader.as_ref()?.request_id.clone().map(RequestScope::of)
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
