//! The log records of all services, bounded in number and in bytes. A full store drops the oldest record of the
//! service with the largest share, and counts it.

use crate::share::Shares;
use crate::text::Needle;
use crate::time::time_ms;
use crate::traces::span::Resource;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

/// How serious a record is, the most serious first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// A failure.
    Error,
    /// Something to look at.
    Warn,
    /// A change of state.
    Info,
    /// For developers.
    Debug,
}

/// A record as it arrives.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// In nanoseconds since 1970.
    pub(crate) time: u64,
    pub(crate) level: Level,
    pub(crate) resource: Arc<Resource>,
    pub(crate) message: Box<str>,
    /// The part of the program that wrote it.
    pub(crate) target: Arc<str>,
    /// A JSON object of texts.
    pub(crate) attributes: Box<RawValue>,
    pub(crate) trace: Option<u128>,
    pub(crate) span: Option<u64>,
}

/// The limits of a store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The maximum number of records.
    pub(crate) records: usize,
    /// The maximum memory of all records, in bytes.
    pub(crate) bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { records: 20_000, bytes: 12 << 20 }
    }
}

/// The memory of a record beside its texts: the struct, its places in the map and in the indexes.
const BASE: usize = 320;

impl Record {
    fn size(&self) -> usize {
        BASE + self.message.len() + self.target.len() + self.attributes.get().len()
    }
}

/// The stored records.
#[derive(Debug)]
pub(crate) struct Store {
    limits: Limits,
    /// By number, in order of arrival.
    records: BTreeMap<u64, Record>,
    next: u64,
    shares: Shares,
    /// The numbers of a share's records.
    services: Vec<VecDeque<u64>>,
    traces: HashMap<u128, BTreeSet<u64>>,
    bytes: usize,
}

/// The counts of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// The number of stored records.
    pub(crate) stored: usize,
    /// The maximum number of stored records.
    pub(crate) limit: usize,
    /// The numbers of records dropped since the start, by service.
    pub(crate) dropped: BTreeMap<Arc<str>, u64>,
}

/// A selection of records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    /// Only records of this service.
    pub(crate) service: Option<String>,
    /// Only records at least this serious.
    pub(crate) level: Option<Level>,
    /// Only records of this trace.
    pub(crate) trace: Option<u128>,
    /// Only records that contain this text.
    pub(crate) text: Option<Needle>,
    /// The maximum number of records: the newest.
    pub(crate) limit: usize,
}

/// A record as the page shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    id: u64,
    time_ms: f64,
    level: Level,
    service: Arc<str>,
    message: Box<str>,
    target: Arc<str>,
    attributes: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "trace_id")]
    trace_id: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "span_id")]
    span_id: Option<u64>,
}

impl Store {
    /// Creates an empty store.
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            records: BTreeMap::new(),
            next: 1,
            shares: Shares::default(),
            services: Vec::new(),
            traces: HashMap::new(),
            bytes: 0,
        }
    }

    /// Adds a record.
    pub(crate) fn add(&mut self, record: Record) {
        let (id, size) = (self.next, record.size());
        self.next += 1;
        let share = self.shares.index(&record.resource.service);
        self.shares.add(share, 1, size);
        self.bytes += size;
        if self.services.len() <= share {
            self.services.resize_with(share + 1, VecDeque::new);
        }
        self.services[share].push_back(id);
        if let Some(trace) = record.trace {
            self.traces.entry(trace).or_default().insert(id);
        }
        self.records.insert(id, record);
        self.shrink();
    }

    /// Drops records until the limits are respected.
    fn shrink(&mut self) {
        loop {
            let share = if self.bytes > self.limits.bytes {
                self.shares.largest()
            } else if self.records.len() > self.limits.records {
                self.shares.fullest()
            } else {
                return;
            };
            let oldest = share.and_then(|share| Some((share, self.services[share].pop_front()?)));
            let Some((share, id)) = oldest else { return };
            let Some(record) = self.records.remove(&id) else { return };
            self.shares.remove(share, 1, record.size());
            self.shares.count_dropped(share);
            self.bytes -= record.size();
            if let Some(trace) = record.trace
                && let Some(ids) = self.traces.get_mut(&trace)
            {
                ids.remove(&id);
                if ids.is_empty() {
                    self.traces.remove(&trace);
                }
            }
        }
    }

    /// Returns the records that `query` selects, the newest last.
    pub(crate) fn find(&self, query: &Query) -> Vec<Row> {
        let ids: Box<dyn Iterator<Item = &u64>> = match (query.trace, &query.service) {
            (Some(trace), service) => {
                let of_service = move |id: &&u64| {
                    let record = service.as_ref().and_then(|_| self.records.get(*id));
                    record.is_none_or(|record| service.as_deref() == Some(&*record.resource.service))
                };
                Box::new(self.traces.get(&trace).into_iter().flatten().rev().filter(of_service))
            }
            (None, Some(service)) => {
                let ids = self.shares.find(service).and_then(|share| self.services.get(share));
                Box::new(ids.into_iter().flatten().rev())
            }
            (None, None) => Box::new(self.records.keys().rev()),
        };
        let found = ids.filter_map(|id| Some((*id, self.records.get(id)?)));
        let found = found.filter(|(_, record)| query.selects(record)).take(query.limit);
        let mut rows: Vec<Row> = found.map(row).collect();
        rows.reverse();
        rows
    }

    /// Returns the newest records after the one with the number `last`, at most `limit`, and how many more there were
    /// since, stored or not. Then `last` is the newest record's number.
    pub(crate) fn since(&self, last: &mut u64, limit: usize) -> (Vec<Row>, u64) {
        let newest = self.next - 1;
        let from = (*last + 1).max(self.next.saturating_sub(limit as u64));
        let rows: Vec<Row> = self.records.range(from..).map(|(id, record)| row((*id, record))).collect();
        let skipped = newest - *last - rows.len() as u64;
        *last = newest;
        (rows, skipped)
    }

    /// Returns the number of the newest record, 0 without one.
    pub(crate) fn last(&self) -> u64 {
        self.next - 1
    }

    /// Returns the counts.
    pub(crate) fn counts(&self) -> Counts {
        Counts { stored: self.records.len(), limit: self.limits.records, dropped: self.shares.dropped() }
    }

    /// Returns an estimate of the memory of the stored records.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Query {
    fn selects(&self, record: &Record) -> bool {
        self.level.is_none_or(|level| record.level <= level)
            && self.text.as_ref().is_none_or(|text| {
                text.is_in(&record.message)
                    || text.is_in(record.attributes.get())
                    || text.is_in(&record.target)
                    || record.trace.is_some_and(|trace| format!("{trace:032x}").contains(text.as_str()))
            })
    }
}

fn row((id, record): (u64, &Record)) -> Row {
    Row {
        id,
        time_ms: time_ms(record.time),
        level: record.level,
        service: Arc::clone(&record.resource.service),
        message: record.message.clone(),
        target: Arc::clone(&record.target),
        attributes: record.attributes.clone(),
        trace_id: record.trace,
        span_id: record.span,
    }
}

fn trace_id<S: Serializer>(id: &Option<u128>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:032x}", id.unwrap_or_default()))
}

fn span_id<S: Serializer>(id: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:016x}", id.unwrap_or_default()))
}

#[cfg(test)]
mod tests;
