//! What keeps events from being applied at present; each change of it is logged once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The troubles of ingestion; its clones share them.
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
    /// The database, as a lane sees it; `None` is the consumer.
    Storage(Option<usize>),
    /// The topic of what can't be read.
    DeadLetters,
}

impl Default for Health {
    fn default() -> Self {
        let joining = "the Kafka group has not assigned partitions yet".to_owned();
        Self(Arc::new(Mutex::new(BTreeMap::from([(Subject::Group, joining)]))))
    }
}

impl Health {
    /// Notes that something is in trouble.
    pub(super) fn trouble(&self, subject: Subject, reason: impl Into<String>) {
        let reason = reason.into();
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !troubles.contains_key(&subject) {
            tracing::warn!(?subject, reason, "ingestion is held up");
        }
        troubles.insert(subject, reason);
    }

    /// Notes that something works.
    pub(super) fn well(&self, subject: Subject) {
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if troubles.remove(&subject).is_some() {
            tracing::info!(?subject, "ingestion goes on");
        }
    }

    /// Forgets what was in trouble of the topic and its partitions: the consumer that noted it is gone.
    pub(super) fn forget_partitions(&self) {
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.retain(|subject, _| {
            !matches!(subject, Subject::Topic | Subject::Offset(_) | Subject::Partition(_))
        });
    }

    /// Tells whether something is in trouble.
    pub(super) fn is_troubled(&self, subject: Subject) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&subject)
    }

    /// All troubles in one sentence, if there are any.
    pub(super) fn check(&self) -> Result<(), String> {
        let troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if troubles.is_empty() {
            return Ok(());
        }
        Err(troubles.values().map(String::as_str).collect::<Vec<_>>().join("; "))
    }
}
