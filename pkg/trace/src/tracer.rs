//! The tracer of a service: it decides which requests are sampled, and exports their spans.

use crate::config::{Config, Sampler};
use crate::export::{Counts, Export, Queue};
use crate::logs::{self, Owner, Records};
use crate::parent::Parent;
use crate::propagation;
use crate::rate::RateLimit;
use crate::span::{Handle, Span};
use futures::future::{join, join_all};
use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::trace::{
    SpanBuilder, SpanContext, SpanKind, TraceContextExt, Tracer as _, TracerProvider,
};
use opentelemetry_sdk::trace::{Sampler as SdkSampler, SdkTracer, SdkTracerProvider};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// 2⁶⁴, of which a threshold is a share.
const ALL: f64 = 18_446_744_073_709_551_616.0;

/// The traces of one service; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Tracer(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    sampler: Sampler,
    /// The ratio as a number of 2⁶⁴ths.
    threshold: u128,
    asked: RateLimit,
    tracer: SdkTracer,
    export: Export,
    records: Records,
    logs: Export,
}

impl Tracer {
    /// Returns a tracer that samples nothing.
    #[must_use]
    pub const fn disabled() -> Self {
        Self(None)
    }

    /// Starts the traces of `service`, whose spans and log records are exported by tasks on the current runtime. Without
    /// an endpoint, nothing is sampled.
    #[must_use]
    pub fn start(config: &Config, service: &str) -> Self {
        let Some(endpoint) = config.endpoint() else { return Self::disabled() };
        let name = config.service.as_deref().unwrap_or(service);
        let (queue, export) = Queue::start(endpoint, name);
        let (records, logs) = Queue::start(endpoint, name);
        let records = Arc::new(records);
        logs::add(service, Arc::clone(&records));
        // Whether a request is sampled is decided before its first span starts.
        let provider =
            SdkTracerProvider::builder().with_sampler(SdkSampler::AlwaysOn).with_span_processor(queue);
        Self(Some(Arc::new(Inner {
            sampler: config.sampler,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is from 0 to 2⁶⁴"
            )]
            threshold: (config.ratio * ALL) as u128,
            asked: RateLimit::new(config.max_rate),
            tracer: provider.build().tracer("marquee"),
            export,
            records,
            logs,
        })))
    }

    /// Returns whether anything may be sampled.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.0.is_some()
    }

    /// Sets the id of this instance, which the registry knows, in all traces.
    pub fn set_instance(&self, id: &str) {
        if let Some(inner) = &self.0 {
            inner.export.set_instance(id);
            inner.logs.set_instance(id);
        }
    }

    /// Returns how many spans were exported, and how many were lost.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.as_ref().map_or_else(Counts::default, |inner| inner.export.counts())
    }

    /// Returns how many log records were exported, and how many were lost.
    #[must_use]
    pub fn log_counts(&self) -> Counts {
        self.0.as_ref().map_or_else(Counts::default, |inner| inner.logs.counts())
    }

    /// Returns `service`, as the owner of log records that are exported with these traces.
    #[must_use]
    pub fn owner(&self, service: &'static str) -> Owner {
        Owner::new(service, self.0.as_ref().map(|inner| Arc::clone(&inner.records)))
    }

    /// Starts the span of a request or message that comes from outside with the context `parent`; nothing if it is not
    /// sampled.
    #[must_use]
    pub fn enter(&self, name: &'static str, kind: SpanKind, parent: Option<&Parent>) -> Span {
        match &self.0 {
            Some(inner) if inner.samples(parent) => inner.root(name, kind, parent.map(Parent::context)),
            _ => Span::none(),
        }
    }

    /// Starts the span of a message. Unlike requests, at most so many messages a second are sampled as requests whose
    /// caller asks for it, whatever the sampler: a producer may send hundreds of thousands.
    #[must_use]
    pub fn enter_message(&self, name: &'static str, kind: SpanKind, parent: Option<&Parent>) -> Span {
        match &self.0 {
            Some(inner) if inner.samples_message(parent) => {
                inner.root(name, kind, parent.map(Parent::context))
            }
            _ => Span::none(),
        }
    }

    /// Starts the span of work that is done for several sampled operations at once. It belongs to the trace of the first
    /// of `causes` and is linked to the others; nothing if there are none.
    #[must_use]
    pub fn join(
        &self,
        name: &'static str,
        kind: SpanKind,
        causes: impl IntoIterator<Item = SpanContext>,
    ) -> Span {
        let mut causes = causes.into_iter();
        let (Some(inner), Some(first)) = (&self.0, causes.next()) else { return Span::none() };
        let span = inner.root(name, kind, Some(first));
        causes.for_each(|cause| span.link(Some(cause)));
        span
    }

    /// Sets the headers that carry the current span to another service.
    pub fn inject(&self, headers: &mut HeaderMap) {
        if self.is_enabled() {
            propagation::inject(headers);
        }
    }

    /// Exports what is pending, at most for `within`. If the endpoint did not respond the last time, returns immediately.
    pub async fn shutdown(&self, within: Duration) {
        if let Some(inner) = &self.0 {
            logs::remove(&inner.records);
            join(inner.export.shutdown(within), inner.logs.shutdown(within)).await;
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        logs::remove(&self.records);
    }
}

impl Inner {
    fn samples(&self, parent: Option<&Parent>) -> bool {
        use Sampler::{
            AlwaysOff, AlwaysOn, ParentBasedAlwaysOff, ParentBasedAlwaysOn, ParentBasedTraceIdRatio,
            TraceIdRatio,
        };
        match (self.sampler, parent) {
            (ParentBasedAlwaysOn | ParentBasedAlwaysOff | ParentBasedTraceIdRatio, Some(parent)) => {
                parent.is_sampled() && self.asked.admit()
            }
            (TraceIdRatio, Some(parent)) => parent.is_within(self.threshold),
            (AlwaysOn | ParentBasedAlwaysOn, _) => true,
            (AlwaysOff | ParentBasedAlwaysOff, _) => false,
            (TraceIdRatio | ParentBasedTraceIdRatio, None) => {
                u128::from(rand::random::<u64>()) < self.threshold
            }
        }
    }

    fn samples_message(&self, parent: Option<&Parent>) -> bool {
        let is_asked = parent.is_some() && self.sampler.follows_parents();
        self.samples(parent) && (is_asked || self.asked.admit())
    }

    fn root(&self, name: &'static str, kind: SpanKind, parent: Option<SpanContext>) -> Span {
        let outer =
            parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent));
        let builder = SpanBuilder { span_kind: Some(kind), ..SpanBuilder::from_name(name) };
        let span = self.tracer.build_with_context(builder, &outer);
        Span::of(Context::new().with_value(Handle(self.tracer.clone())).with_span(span))
    }
}

/// The tracers of the instances in one process that share a store: the last spans are those of the store's writer.
#[derive(Debug, Default)]
pub struct Tracers(Mutex<Vec<Tracer>>);

impl Tracers {
    /// Starts the traces of an instance of `service`: see [`Tracer::start`].
    #[must_use]
    pub fn start(&self, config: &Config, service: &str) -> Tracer {
        let tracer = Tracer::start(config, service);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(tracer.clone());
        tracer
    }

    /// Shuts all of them down at the same time: see [`Tracer::shutdown`].
    pub async fn shutdown(&self, within: Duration) {
        let tracers = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        join_all(tracers.iter().map(|tracer| tracer.shutdown(within))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracer(sampler: Sampler, ratio: f64, max_rate: u32) -> Tracer {
        let endpoint = Some("http://127.0.0.1:9".to_owned());
        Tracer::start(&Config { endpoint, sampler, ratio, max_rate, ..Config::default() }, "test")
    }

    fn parent(trace_id: u128, sampled: bool) -> Parent {
        let text = format!("00-{trace_id:032x}-0000000000000007-0{}", u8::from(sampled));
        Parent::parse(text.as_bytes(), std::iter::empty()).unwrap()
    }

    fn sampled(tracer: &Tracer, parent: Option<&Parent>, times: usize) -> usize {
        (0..times).filter(|_| tracer.enter("x", SpanKind::Server, parent).is_recording()).count()
    }

    #[tokio::test]
    async fn sampler_follows_its_name() {
        let (yes, no) = (parent(u128::MAX, true), parent(5, false));
        for (sampler, without, with_yes, with_no) in [
            (Sampler::AlwaysOn, 1, 1, 1),
            (Sampler::AlwaysOff, 0, 0, 0),
            (Sampler::TraceIdRatio, 0, 0, 0),
            (Sampler::ParentBasedAlwaysOn, 1, 1, 0),
            (Sampler::ParentBasedAlwaysOff, 0, 1, 0),
            (Sampler::ParentBasedTraceIdRatio, 0, 1, 0),
        ] {
            let tracer = tracer(sampler, 0.0, 10);
            let decisions = [None, Some(&yes), Some(&no)].map(|parent| sampled(&tracer, parent, 1));
            assert_eq!(decisions, [without, with_yes, with_no], "{sampler:?}");
        }
    }

    #[tokio::test]
    async fn ratio_is_that_of_requests_and_of_trace_ids() {
        let some = tracer(Sampler::ParentBasedTraceIdRatio, 0.1, 0);
        assert!((700..1300).contains(&sampled(&some, None, 10_000)));
        assert_eq!(sampled(&tracer(Sampler::TraceIdRatio, 1.0, 0), None, 1000), 1000);
        let half = tracer(Sampler::TraceIdRatio, 0.5, 0);
        let low = parent(u128::from(u64::MAX / 2), false);
        let high = parent(u128::from(u64::MAX / 2) + 1, true);
        assert_eq!((sampled(&half, Some(&low), 9), sampled(&half, Some(&high), 9)), (9, 0));
    }

    #[tokio::test]
    async fn strangers_sampled_flags_are_followed_up_to_a_rate() {
        let tracer = tracer(Sampler::ParentBasedAlwaysOff, 0.0, 5);
        let sampled = sampled(&tracer, Some(&parent(1, true)), 1000);
        // The thousand may fall into two seconds.
        assert!(sampled == 5 || sampled == 10, "{sampled}");
    }

    #[tokio::test]
    async fn messages_are_sampled_up_to_a_rate_by_every_sampler() {
        let yes = parent(1, true);
        for sampler in [Sampler::AlwaysOn, Sampler::TraceIdRatio, Sampler::ParentBasedAlwaysOn] {
            for parent in [None, Some(&yes)] {
                let tracer = tracer(sampler, 1.0, 5);
                let enter = || tracer.enter_message("x", SpanKind::Producer, parent);
                let sampled = (0..1000).filter(|_| enter().is_recording()).count();
                // The thousand may fall into two seconds.
                assert!(sampled == 5 || sampled == 10, "{sampler:?} {sampled}");
            }
        }
        let tracer = tracer(Sampler::ParentBasedAlwaysOff, 0.0, 5);
        assert!(!tracer.enter_message("x", SpanKind::Producer, None).is_recording());
    }

    #[tokio::test]
    async fn children_of_unsampled_request_are_nothing() {
        let tracer = tracer(Sampler::AlwaysOff, 0.0, 5);
        let span = tracer.enter("x", SpanKind::Server, None);
        let inside = span.run(async { (crate::span("y", SpanKind::Internal), crate::current_ids()) }).await;
        assert!(!span.is_recording() && !inside.0.is_recording() && inside.1.is_none());
        assert!(span.message_context().is_none());
        assert!(!tracer.join("batch", SpanKind::Internal, []).is_recording());
    }
}
