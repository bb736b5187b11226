//! The current troubles: what prevents events from being applied. Each change is logged once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The troubles of ingestion. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Health(Arc<Mutex<BTreeMap<Subject, String>>>);

/// What can be in trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// The brokers.
    Brokers,
    /// The consumer's membership of its group.
    Group,
    /// The topic.
    Topic,
    /// The stored offset of a partition.
    Offset(i32),
    /// The reading of a partition.
    Partition(i32),
    /// The database, as seen by a lane; by the consumer if `None`.
    Storage(Option<usize>),
    /// The topic of the dead letters.
    DeadLetters,
}

impl Default for Health {
    fn default() -> Self {
        let joining = "the Kafka group has not assigned partitions yet".to_owned();
        Self(Arc::new(Mutex::new(BTreeMap::from([(Subject::Group, joining)]))))
    }
}

impl Health {
    /// Records a trouble.
    pub(super) fn report(&self, subject: Subject, reason: impl Into<String>) {
        let reason = reason.into();
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !troubles.contains_key(&subject) {
            tracing::warn!(?subject, reason, "ingestion is blocked");
        }
        troubles.insert(subject, reason);
    }

    /// Removes a trouble.
    pub(super) fn resolve(&self, subject: Subject) {
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if troubles.remove(&subject).is_some() {
            tracing::info!(?subject, "ingestion continues");
        }
    }

    /// Removes the troubles of the topic and its partitions: their consumer was replaced.
    pub(super) fn remove_partitions(&self) {
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.retain(|subject, _| {
            !matches!(subject, Subject::Topic | Subject::Offset(_) | Subject::Partition(_))
        });
    }

    /// Returns whether a subject is in trouble.
    pub(super) fn has_trouble(&self, subject: Subject) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&subject)
    }

    /// Returns all troubles in one line as an error, if there are any.
    pub(super) fn check(&self) -> Result<(), String> {
        let troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if troubles.is_empty() {
            return Ok(());
        }
        Err(troubles.values().map(String::as_str).collect::<Vec<_>>().join("; "))
    }
}
