//! Whether Consul can be asked, as all who ask it find out together: one line in the log on each change.

use crate::registration::chain;
use crate::registry::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The way to one Consul, shared by its watches and its writes.
pub(crate) struct Link {
    consul: String,
    state: Mutex<State>,
    disturbed: Notify,
}

#[derive(Default)]
struct State {
    /// How many askers failed at last.
    failing: usize,
    away: bool,
}

impl Link {
    /// A link to the Consul at `url` that nobody has tried yet.
    pub(crate) fn new(url: &str) -> Arc<Self> {
        // What stands before an `@` is a secret.
        let consul = url.rsplit_once('@').map_or(url, |(_, place)| place).to_owned();
        Arc::new(Self { consul, state: Mutex::default(), disturbed: Notify::new() })
    }

    /// Whether Consul could be asked at last.
    pub(crate) fn is_up(&self) -> bool {
        !self.lock().away
    }

    /// Resolves when Consul may have lost its memory.
    pub(crate) async fn disturbed(&self) {
        self.disturbed.notified().await;
    }

    /// Says that Consul may have lost its memory.
    pub(crate) fn disturb(&self) {
        self.disturbed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who asks again and again.
pub(crate) struct Asker {
    pub(crate) link: Arc<Link>,
    failing: AtomicBool,
}

impl Asker {
    pub(crate) fn new(link: &Arc<Link>) -> Self {
        Self { link: Arc::clone(link), failing: AtomicBool::new(false) }
    }

    /// Takes note of how a question ended. Consul is away from the first failure until nobody fails any more,
    /// so that one question that always fails beside others that don't makes no line with each answer.
    pub(crate) fn note<T>(&self, answer: &Result<T, Error>) {
        let outage = answer.as_ref().err().filter(|error| error.is_outage());
        let mut state = self.lock_failing(outage.is_some());
        let consul = &self.link.consul;
        match outage {
            Some(error) if !state.away => {
                state.away = true;
                tracing::warn!(consul, error = chain(error), "the registry is away, trying on");
                self.link.disturb();
            }
            None if state.away && state.failing == 0 => {
                state.away = false;
                tracing::info!(consul, "the registry is back");
                self.link.disturb();
            }
            _ => {}
        }
    }

    fn lock_failing(&self, failing: bool) -> MutexGuard<'_, State> {
        let mut state = self.link.lock();
        let before = self.failing.swap(failing, Ordering::Relaxed);
        state.failing = state.failing + usize::from(failing) - usize::from(before);
        state
    }
}

impl Drop for Asker {
    /// Whoever asks no more fails no more; only an answer says that Consul is back.
    fn drop(&mut self) {
        drop(self.lock_failing(false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fault::Kind;

    fn away() -> Result<(), Error> {
        Err(Error::new(Kind::Unavailable, "connection refused"))
    }

    #[test]
    fn it_is_away_from_the_first_failure_until_nobody_fails() {
        let link = Link::new("http://127.0.0.1:8500");
        let [one, two] = [Asker::new(&link), Asker::new(&link)];
        assert!(link.is_up(), "nobody has asked yet");
        one.note(&away());
        two.note(&away());
        one.note(&Ok(()));
        assert!(!link.is_up(), "two still fails");
        two.note(&Ok(()));
        assert!(link.is_up());
    }

    #[test]
    fn a_refusal_is_an_answer() {
        let link = Link::new("");
        let asker = Asker::new(&link);
        asker.note(&Err::<(), _>(Error::new(Kind::PermissionDenied, "no")));
        assert!(link.is_up());
    }

    #[test]
    fn one_who_stops_asking_keeps_nobody_waiting_and_proves_nothing() {
        let link = Link::new("");
        let [one, two] = [Asker::new(&link), Asker::new(&link)];
        one.note(&away());
        drop(one);
        assert!(!link.is_up());
        two.note(&Ok(()));
        assert!(link.is_up());
    }

    #[test]
    fn a_password_in_the_url_is_not_logged() {
        assert_eq!(Link::new("https://me:secret@consul:8501/x").consul, "consul:8501/x");
    }
}
