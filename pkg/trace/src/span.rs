//! Spans of sampled requests.

use futures::future::Either;
use opentelemetry::trace::{
    FutureExt, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer as _,
};
use opentelemetry::{Context, Key, KeyValue, Value};
use opentelemetry_sdk::trace::SdkTracer;
use std::borrow::Cow;
use std::time::SystemTime;

/// A span of a sampled request, or nothing. It ends when it is dropped.
#[derive(Debug, Default)]
pub struct Span(Option<Context>);

/// The tracer in a context, for children of its span.
#[derive(Clone)]
pub(crate) struct Handle(pub(crate) SdkTracer);

/// Starts a child of the current span; nothing if there is none.
#[must_use]
pub fn span(name: &'static str, kind: SpanKind) -> Span {
    Span(Context::map_current(|current| child(current, name.into(), kind, None)))
}

/// Returns the ids of the current trace and span, if the request of this task is sampled.
#[must_use]
pub fn current_ids() -> Option<(u128, u64)> {
    Context::map_current(|current| {
        let context = current.has_active_span().then(|| current.span().span_context().clone())?;
        let (trace_id, span_id) = (context.trace_id().to_bytes(), context.span_id().to_bytes());
        Some((u128::from_be_bytes(trace_id), u64::from_be_bytes(span_id)))
    })
}

fn child(
    parent: &Context,
    name: Cow<'static, str>,
    kind: SpanKind,
    began: Option<SystemTime>,
) -> Option<Context> {
    let Handle(tracer) = parent.get::<Handle>()?;
    let builder = SpanBuilder { span_kind: Some(kind), start_time: began, ..SpanBuilder::from_name(name) };
    Some(parent.with_span(tracer.build_with_context(builder, parent)))
}

impl Span {
    /// Returns a span that records nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    pub(crate) const fn of(context: Context) -> Self {
        Self(Some(context))
    }

    /// Returns the current span of the task, to start children of it in another; it does not end when it is dropped.
    #[must_use]
    pub fn current() -> Origin {
        Origin(Context::map_current(|current| current.get::<Handle>().is_some().then(|| current.clone())))
    }

    /// Returns this span, to start children of it elsewhere.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin(self.0.clone())
    }

    /// Returns true unless the request is not sampled. Use it only to avoid work for values of attributes.
    #[must_use]
    pub const fn is_recording(&self) -> bool {
        self.0.is_some()
    }

    /// Starts a child of this span.
    #[must_use]
    pub fn child(&self, name: &'static str, kind: SpanKind) -> Self {
        Self(self.0.as_ref().and_then(|parent| child(parent, name.into(), kind, None)))
    }

    /// Renames the span. A name has few values: routes, never ids.
    pub fn rename(&self, name: impl FnOnce() -> String) {
        if let Some(context) = &self.0 {
            context.span().update_name(name());
        }
    }

    /// Sets an attribute.
    pub fn set(&self, key: impl Into<Key>, value: impl Into<Value>) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new(key, value));
        }
    }

    /// Records that the operation failed.
    pub fn fail(&self, reason: impl Into<Cow<'static, str>>) {
        if let Some(context) = &self.0 {
            context.span().set_status(Status::error(reason));
        }
    }

    /// Links this span to that of an operation elsewhere, which caused it or which it waits for.
    pub fn link(&self, to: Option<SpanContext>) {
        if let (Some(context), Some(to)) = (&self.0, to) {
            context.span().add_link(to, Vec::new());
        }
    }

    /// Returns the ids of the span, for links and for other processes.
    #[must_use]
    pub fn context(&self) -> Option<SpanContext> {
        self.0.as_ref().map(|context| context.span().span_context().clone())
    }

    /// Makes this the current span while `future` is polled.
    pub fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        self.origin().run(future)
    }

    /// Makes this the current span while `call` runs.
    pub fn enter<T>(&self, call: impl FnOnce() -> T) -> T {
        let _current = self.0.clone().map(Context::attach);
        call()
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            context.span().end();
        }
    }
}

/// A span that others are children of or link to: what is handed to another task. Nothing if the request is not sampled.
#[derive(Clone, Debug, Default)]
pub struct Origin(Option<Context>);

impl Origin {
    /// Returns true unless the request is not sampled.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.0.is_some()
    }

    /// Starts a child.
    #[must_use]
    pub fn child(&self, name: &'static str, kind: SpanKind) -> Span {
        Span(self.0.as_ref().and_then(|parent| child(parent, name.into(), kind, None)))
    }

    /// Starts a child that began at `began`.
    #[must_use]
    pub fn child_since(&self, name: &'static str, kind: SpanKind, began: SystemTime) -> Span {
        Span(self.0.as_ref().and_then(|parent| child(parent, name.into(), kind, Some(began))))
    }

    /// Returns the ids of the span.
    #[must_use]
    pub fn context(&self) -> Option<SpanContext> {
        self.0.as_ref().map(|context| context.span().span_context().clone())
    }

    /// Makes this the current span while `future` is polled.
    pub fn run<F: Future>(self, future: F) -> impl Future<Output = F::Output> + use<F> {
        match self.0 {
            Some(context) => Either::Left(future.with_context(context)),
            None => Either::Right(future),
        }
    }
}
