//! The stores of traces and logs, shared by the receiver and the page's interface.

use crate::logs;
use crate::traces::{self, span::Span};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Both stores.
#[derive(Debug)]
pub(crate) struct Stores {
    traces: Mutex<traces::Store>,
    logs: Mutex<logs::Store>,
}

impl Stores {
    /// Creates empty stores with the default limits.
    pub(crate) fn new() -> Self {
        Self {
            traces: Mutex::new(traces::Store::new(traces::Limits::default())),
            logs: Mutex::new(logs::Store::new(logs::Limits::default())),
        }
    }

    /// Locks the traces.
    pub(crate) fn traces(&self) -> MutexGuard<'_, traces::Store> {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the log records.
    pub(crate) fn logs(&self) -> MutexGuard<'_, logs::Store> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds spans, counts `invalid` further ones as dropped, and returns how many were refused by full traces.
    pub(crate) fn add_spans(&self, spans: Vec<Span>, invalid: u64) -> u64 {
        let mut traces = self.traces();
        traces.count_invalid(invalid);
        traces.add(spans)
    }

    /// Adds log records.
    pub(crate) fn add_records(&self, records: Vec<logs::Record>) {
        let mut logs = self.logs();
        records.into_iter().for_each(|record| logs.add(record));
    }
}
