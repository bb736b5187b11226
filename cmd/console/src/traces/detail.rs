//! One trace with all its spans, and the spans of other traces that are linked with it.

use super::span::{Kind, Link, Span};
use super::trace::Trace;
use crate::time::{duration_ms, time_ms};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The maximum number of spans of other traces.
const MAX_LINKED: usize = 200;

/// A trace as the page shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Detail {
    trace_id: String,
    start_ms: f64,
    duration_ms: f64,
    /// Whether all spans descend from one, and none was refused.
    complete: bool,
    spans: Vec<Row>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<String>,
    service: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<Box<str>>,
    name: Arc<str>,
    kind: Kind,
    start_ms: f64,
    duration_ms: f64,
    error: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Box<str>>,
    attributes: Box<RawValue>,
    events: Box<RawValue>,
    links: Vec<LinkRow>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    linked: bool,
    /// The trace of a linked span.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LinkRow {
    trace_id: String,
    span_id: String,
}

impl Detail {
    /// Collects the spans of `trace`, and those of the traces in `linking` and behind its own links, which `find` finds.
    pub(super) fn of<'a>(
        trace: &'a Trace,
        linking: impl Iterator<Item = &'a Trace>,
        find: impl Fn(u128) -> Option<&'a Trace>,
    ) -> Self {
        let tree = Tree::of(trace);
        let mut spans: Vec<Row> = trace.spans.iter().map(|span| tree.row(span)).collect();
        let targets = trace.spans.iter().flat_map(|span| &span.links);
        let targets = targets
            .filter(|link| link.trace != trace.id)
            .filter_map(|link| Some((find(link.trace)?, link.span)));
        let sources = linking.flat_map(|other| {
            let links = |span: &&Span| span.links.iter().any(|link| link.trace == trace.id);
            other.spans.iter().filter(links).map(move |span| (other, span.id))
        });
        let mut known = HashSet::new();
        for (other, span) in targets.chain(sources) {
            let tree = Tree::of(other);
            for span in tree.descend(span) {
                if spans.len() >= trace.spans.len() + MAX_LINKED {
                    break;
                }
                if known.insert((other.id, span.id)) {
                    let trace_id = Some(format!("{:032x}", other.id));
                    spans.push(Row { linked: true, trace_id, ..tree.row(span) });
                }
            }
        }
        spans.sort_by(|a, b| a.start_ms.total_cmp(&b.start_ms));
        Self {
            trace_id: format!("{:032x}", trace.id),
            start_ms: time_ms(trace.start()),
            duration_ms: duration_ms(trace.duration()),
            complete: tree.entries == 1 && tree.cut.is_empty() && trace.refused == 0,
            spans,
        }
    }
}

/// The spans of a trace by their parents.
struct Tree<'a> {
    by_id: HashMap<u64, &'a Span>,
    children: HashMap<u64, Vec<&'a Span>>,
    /// The number of spans whose parent is not stored.
    entries: usize,
    /// Spans whose parent is their own descendant: they are shown without it.
    cut: HashSet<u64>,
}

impl<'a> Tree<'a> {
    fn of(trace: &'a Trace) -> Self {
        let by_id: HashMap<u64, &Span> = trace.spans.iter().map(|span| (span.id, span)).collect();
        let mut children: HashMap<u64, Vec<&Span>> = HashMap::new();
        let mut entries = Vec::new();
        for span in &trace.spans {
            match span.parent.filter(|parent| by_id.contains_key(parent)) {
                Some(parent) => children.entry(parent).or_default().push(span),
                None => entries.push(span.id),
            }
        }
        let mut tree = Self { by_id, children, entries: entries.len(), cut: HashSet::new() };
        tree.cut_circles(trace, entries);
        tree
    }

    fn cut_circles(&mut self, trace: &Trace, entries: Vec<u64>) {
        let mut reached = HashSet::new();
        let mut next = entries;
        let mut spans = trace.spans.iter();
        loop {
            while let Some(id) = next.pop() {
                if reached.insert(id) {
                    next.extend(self.children.get(&id).into_iter().flatten().map(|child| child.id));
                }
            }
            let Some(circular) = spans.find(|span| !reached.contains(&span.id)) else { return };
            self.cut.insert(circular.id);
            next.push(circular.id);
        }
    }

    /// Returns the span `id` and its descendants, parents first.
    fn descend(&self, id: u64) -> Vec<&'a Span> {
        let (mut found, mut known) = (Vec::new(), HashSet::new());
        let mut next: Vec<&Span> = self.by_id.get(&id).copied().into_iter().collect();
        while let Some(span) = next.pop() {
            if found.len() < MAX_LINKED && known.insert(span.id) {
                found.push(span);
                next.extend(self.children.get(&span.id).into_iter().flatten().copied());
            }
        }
        found
    }

    fn row(&self, span: &Span) -> Row {
        let link = |&Link { trace, span }: &Link| LinkRow {
            trace_id: format!("{trace:032x}"),
            span_id: format!("{span:016x}"),
        };
        let parent = span.parent.filter(|_| !self.cut.contains(&span.id));
        Row {
            span_id: format!("{:016x}", span.id),
            parent_id: parent.map(|parent| format!("{parent:016x}")),
            service: Arc::clone(&span.resource.service),
            instance: span.resource.instance.clone(),
            name: Arc::clone(&span.name),
            kind: span.kind,
            start_ms: time_ms(span.start),
            duration_ms: duration_ms(span.end - span.start),
            error: span.error,
            message: span.message.clone(),
            attributes: span.attributes.clone(),
            events: span.events.clone(),
            links: span.links.iter().map(link).collect(),
            linked: false,
            trace_id: None,
        }
    }
}
