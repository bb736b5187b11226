//! Bursts of events, sent as fast as the broker takes them.

use crate::loading::users::SimulatedUsers;
use model::{Broken, Metadata};
use ratingingester::producer::{self, Message, Refused};
use ratingingester::{Event, Producer};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::{Duration, Instant};

/// The number of events in a burst.
const EVENTS: usize = 20_000;

/// How long a burst may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a burst was not sent completely.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The previous one is still being sent.
    #[error("the previous burst is still being sent")]
    Busy,
    /// The producer's queue is full.
    #[error("the broker has taken only {sent} of {EVENTS} events within {} s", PATIENCE.as_secs())]
    Late {
        /// The number of events that were sent.
        sent: usize,
    },
    /// The producer rejects an event.
    #[error(transparent)]
    Producer(#[from] producer::Error),
}

/// Sends bursts of the actions of simulated users.
pub(crate) struct Burst {
    producer: Arc<Producer>,
    users: Mutex<SimulatedUsers>,
}

impl Burst {
    /// Creates users of `movies`; `seed` determines their actions.
    ///
    /// # Errors
    ///
    /// If there is no movie.
    pub(crate) fn new(producer: Arc<Producer>, movies: &[Metadata], seed: u64) -> Result<Self, Broken> {
        Ok(Self { producer, users: Mutex::new(SimulatedUsers::new(movies, seed)?) })
    }

    /// Enqueues the next 20,000 events. Blocks while the producer's queue is full.
    ///
    /// # Errors
    ///
    /// If another burst is in progress, or the queue stays full.
    pub(crate) fn send(&self) -> Result<(), Error> {
        let mut users = match self.users.try_lock() {
            Ok(users) => users,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(Error::Busy),
        };
        let deadline = Instant::now() + PATIENCE;
        for (sent, event) in users.by_ref().take(EVENTS).enumerate() {
            let event = Event::from(&event);
            loop {
                match self.producer.try_send(&Message::from(&event).into(), 0) {
                    Ok(()) => break,
                    Err(Refused::Record(code)) => return Err(producer::Error::Refused(code).into()),
                    Err(Refused::Full) if Instant::now() >= deadline => return Err(Error::Late { sent }),
                    Err(Refused::Full) => self.producer.wait_for_room(),
                }
            }
        }
        Ok(())
    }
}
