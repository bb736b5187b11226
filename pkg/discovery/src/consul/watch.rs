//! Blocking queries, one after the other, that follow the passing instances of one service.

use super::cursor::Cursor;
use super::decode::{self, Instances};
use super::http::Http;
use crate::backoff::Backoff;
use crate::registration::chain;
use crate::registry::{Error, InstanceSet};
use fault::Kind;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// The least time between the starts of two polls, for a Consul that answers at once without news.
const PACE: Duration = Duration::from_millis(50);

/// How much more time lies between them for each instance, as each costs time to read.
const PACE_PER_INSTANCE: Duration = Duration::from_micros(150);

/// The most time between them: a new instance is to get its first call within 300 ms.
const SLOWEST_PACE: Duration = Duration::from_millis(200);

/// How much later than a blocking query may end its answer is still awaited.
const MARGIN: Duration = Duration::from_secs(2);

pub(super) struct Watcher {
    http: Http,
    service: String,
    wait: Duration,
    cursor: Cursor,
    backoff: Backoff,
    not_before: Instant,
    skipped: BTreeMap<String, String>,
    disturbed: Arc<Notify>,
}

impl Watcher {
    pub(super) fn new(
        http: Http,
        service: &str,
        wait: Duration,
        grace: Duration,
        disturbed: Arc<Notify>,
    ) -> Self {
        Self {
            http,
            service: service.to_owned(),
            wait,
            cursor: Cursor::new(grace),
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(1)),
            not_before: Instant::now(),
            skipped: BTreeMap::new(),
            disturbed,
        }
    }

    /// The next set that differs from the one before.
    pub(super) async fn next(&mut self) -> InstanceSet {
        loop {
            sleep_until(self.not_before).await;
            let started = Instant::now();
            self.not_before = started + PACE;
            let answer = match self.cursor.held_until() {
                None => self.poll().await,
                Some(until) => match timeout_at(until, self.poll()).await {
                    Ok(answer) => answer,
                    Err(_) => return self.cursor.release(),
                },
            };
            match answer {
                Ok((index, found)) => {
                    self.not_before = started + pace(found.usable.len());
                    if let Some(set) = self.accept(index, found) {
                        return set;
                    }
                }
                Err(error) => {
                    self.fail(&error);
                    sleep(self.backoff.pause()).await;
                }
            }
        }
    }

    async fn poll(&self) -> Result<(u64, Instances), Error> {
        let wait = format!("{}ms", self.wait.as_millis());
        let index = self.cursor.index().to_string();
        let query = [("passing", "1"), ("wait", &wait), ("index", &index)];
        let patience = self.wait + self.wait / 16 + MARGIN;
        let answer = self.http.get(&["v1", "health", "service", &self.service], &query, patience).await?;
        let index = answer.index;
        let body = answer.success()?;
        let index =
            index.ok_or_else(|| Error::new(Kind::Unavailable, "consul's answer lacks X-Consul-Index"))?;
        Ok((index, decode::instances(&self.service, &body)?))
    }

    fn accept(&mut self, index: u64, found: Instances) -> Option<InstanceSet> {
        let service = &self.service;
        if self.cursor.is_away() {
            tracing::info!(service, "the registry is back");
            self.disturbed.notify_waiters();
        }
        self.backoff.reset();
        let set = self.cursor.accept(index, &found, Instant::now());
        for (instance, reason) in &found.skipped {
            if !self.skipped.contains_key(instance) {
                tracing::warn!(service, instance, reason, "an instance is skipped");
            }
        }
        self.skipped = found.skipped;
        set
    }

    fn fail(&mut self, error: &Error) {
        if !self.cursor.is_away() {
            let (service, error) = (&self.service, chain(error));
            tracing::warn!(service, error, "can't watch the service, the last good set stays");
            self.disturbed.notify_waiters();
        }
        self.cursor.fail();
    }
}

/// The time between the starts of two polls of a service with so many instances.
fn pace(instances: usize) -> Duration {
    let more = PACE_PER_INSTANCE.saturating_mul(u32::try_from(instances).unwrap_or(u32::MAX));
    PACE.saturating_add(more).min(SLOWEST_PACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_instances_are_asked_for_less_often_but_never_less_than_five_times_a_second() {
        for (instances, millis) in [(0, 50), (20, 53), (1000, 200), (usize::MAX, 200)] {
            assert_eq!(pace(instances), Duration::from_millis(millis), "{instances}");
        }
    }
}
