//! The producers of dead letters, each created when it is first needed and replaced after a fatal error.

use crate::ingester::context::LogOnlyContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::{FutureProducer, Producer as _};
use std::sync::{Mutex, PoisonError};

/// Whether a letter shares its batch with others. Brokers reject a batch that is too large as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Batching {
    /// It does.
    Shared,
    /// It does not.
    Alone,
}

/// A producer for each way of batching.
pub(super) struct Producers {
    settings: ClientConfig,
    shared: Mutex<Option<FutureProducer<LogOnlyContext>>>,
    alone: Mutex<Option<FutureProducer<LogOnlyContext>>>,
}

impl Producers {
    /// Returns no producer yet.
    pub(super) const fn new(settings: ClientConfig) -> Self {
        Self { settings, shared: Mutex::new(None), alone: Mutex::new(None) }
    }

    /// Returns the settings of every client.
    pub(super) const fn settings(&self) -> &ClientConfig {
        &self.settings
    }

    /// Returns the producer. After a fatal error a producer rejects everything, so it is replaced.
    pub(super) fn get(&self, batching: Batching) -> Result<FutureProducer<LogOnlyContext>, KafkaError> {
        let mut slot = self.slot(batching).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(producer) = slot.as_ref() {
            let Some((code, reason)) = producer.client().fatal_error() else { return Ok(producer.clone()) };
            tracing::warn!(%code, reason, "the producer of dead letters failed for good and is replaced");
        }
        let mut settings = self.settings.clone();
        if batching == Batching::Alone {
            settings.set("batch.num.messages", "1");
        }
        let producer: FutureProducer<LogOnlyContext> = settings.create_with_context(LogOnlyContext)?;
        if let Some(failed) = slot.replace(producer.clone()) {
            // Closing a producer waits for its threads.
            tokio::task::spawn_blocking(move || drop(failed));
        }
        Ok(producer)
    }

    /// Returns the producers in use.
    pub(super) fn open(&self) -> Vec<FutureProducer<LogOnlyContext>> {
        let slots = [&self.shared, &self.alone];
        slots.iter().filter_map(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect()
    }

    const fn slot(&self, batching: Batching) -> &Mutex<Option<FutureProducer<LogOnlyContext>>> {
        match batching {
            Batching::Shared => &self.shared,
            Batching::Alone => &self.alone,
        }
    }
}
