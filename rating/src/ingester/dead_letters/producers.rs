//! The producers of dead letters, each created when it is first needed and replaced after a fatal error.

use crate::ingester::context::Quiet;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::{FutureProducer, Producer as _};
use std::sync::{Mutex, PoisonError};

/// What a letter shares its batch with. Brokers refuse a batch that is too large as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Batching {
    /// Other letters.
    Shared,
    /// No other letter.
    Alone,
}

/// A producer for each way of batching.
pub(super) struct Producers {
    settings: ClientConfig,
    shared: Mutex<Option<FutureProducer<Quiet>>>,
    alone: Mutex<Option<FutureProducer<Quiet>>>,
}

impl Producers {
    /// Creates none yet.
    pub(super) const fn new(settings: ClientConfig) -> Self {
        Self { settings, shared: Mutex::new(None), alone: Mutex::new(None) }
    }

    /// The settings of every client.
    pub(super) const fn settings(&self) -> &ClientConfig {
        &self.settings
    }

    /// Returns the producer. One that met with a fatal error refuses everything from then on, so a new one replaces it.
    pub(super) fn get(&self, batching: Batching) -> Result<FutureProducer<Quiet>, KafkaError> {
        let mut slot = self.slot(batching).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(producer) = slot.as_ref() {
            let Some((code, reason)) = producer.client().fatal_error() else { return Ok(producer.clone()) };
            tracing::warn!(%code, reason, "the producer of dead letters failed for good and is replaced");
        }
        let mut settings = self.settings.clone();
        if batching == Batching::Alone {
            settings.set("batch.num.messages", "1");
        }
        let producer: FutureProducer<Quiet> = settings.create_with_context(Quiet)?;
        if let Some(failed) = slot.replace(producer.clone()) {
            // Closing a producer waits for its threads.
            tokio::task::spawn_blocking(move || drop(failed));
        }
        Ok(producer)
    }

    /// The producers in use.
    pub(super) fn open(&self) -> Vec<FutureProducer<Quiet>> {
        let slots = [&self.shared, &self.alone];
        slots.iter().filter_map(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect()
    }

    const fn slot(&self, batching: Batching) -> &Mutex<Option<FutureProducer<Quiet>>> {
        match batching {
            Batching::Shared => &self.shared,
            Batching::Alone => &self.alone,
        }
    }
}
