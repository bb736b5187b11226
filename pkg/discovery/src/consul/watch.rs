//! A sequence of blocking queries that watch the passing instances of one service.

use super::ask::{Answer, Ask, within};
use super::cursor::Cursor;
use super::decode::{self, Instances};
use super::link::Asker;
use crate::backoff::Backoff;
use crate::registration::chain;
use crate::registry::{Error, InstanceSet};
use fault::Kind;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// The minimum time between the starts of two polls, for a Consul that responds immediately without news.
const PACE: Duration = Duration::from_millis(50);

/// The additional time per instance, because reading each costs time.
const PACE_PER_INSTANCE: Duration = Duration::from_micros(150);

/// The maximum time: a new instance must get its first call within 300 ms.
const SLOWEST_PACE: Duration = Duration::from_millis(200);

/// How much longer than a blocking query its response is awaited.
const MARGIN: Duration = Duration::from_secs(2);

pub(super) struct Watcher {
    ask: Arc<dyn Ask>,
    asker: Asker,
    service: String,
    wait: Duration,
    cursor: Cursor,
    backoff: Backoff,
    not_before: Instant,
    /// Conditions that are logged once, until they change.
    said: Said,
}

#[derive(Default)]
struct Said {
    /// The responses for this service can't be used.
    unusable: bool,
    /// The index went back.
    went_back: bool,
    /// Instances are missing because the ACL token has no permission to read them.
    filtered: bool,
    /// Most instances are missing after an outage.
    retaining: bool,
    /// Problems of instances, by id.
    flaws: BTreeMap<String, String>,
}

impl Watcher {
    pub(super) fn new(
        ask: Arc<dyn Ask>,
        asker: Asker,
        service: &str,
        wait: Duration,
        grace: Duration,
    ) -> Self {
        Self {
            ask,
            asker,
            service: service.to_owned(),
            wait,
            cursor: Cursor::new(grace),
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(1)),
            not_before: Instant::now(),
            said: Said::default(),
        }
    }

    /// Returns the next set that differs from the previous one.
    pub(super) async fn next(&mut self) -> InstanceSet {
        loop {
            sleep_until(self.not_before).await;
            let started = Instant::now();
            self.not_before = started + PACE;
            let answer = match self.cursor.held_until() {
                None => self.poll().await,
                Some(until) => match timeout_at(until, self.poll()).await {
                    Ok(answer) => answer,
                    Err(_) => match self.release() {
                        Some(set) => return set,
                        None => continue,
                    },
                },
            };
            match answer {
                Ok((index, found)) => {
                    self.not_before = started + pace(found.usable.len());
                    if let Some(set) = self.accept(started, index, found) {
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
        let longest = self.wait + self.wait / 16;
        let question = self.ask.passing(&self.service, self.cursor.index(), self.wait);
        let asked = Instant::now();
        let answer = within(longest + MARGIN, question).await;
        let read = answer.and_then(|answer| {
            let Answer { index, filtered, stale, .. } = answer;
            let found = decode::instances(&self.service, &answer.success()?)?;
            let missing = || Error::new(Kind::Internal, "consul's response has no X-Consul-Index header");
            if stale || asked.elapsed() > longest + MARGIN / 2 {
                self.asker.link.trouble();
            }
            Ok((index.ok_or_else(missing)?, Instances { filtered, ..found }))
        });
        self.asker.note(&read);
        read
    }

    /// Processes the response to a poll that started at `asked`; returns the set if it is new.
    fn accept(&mut self, asked: Instant, index: u64, mut found: Instances) -> Option<InstanceSet> {
        let (service, now) = (&self.service, Instant::now());
        if std::mem::take(&mut self.said.unusable) {
            tracing::info!(service, "the service can be watched again");
        }
        match index.cmp(&self.cursor.index()) {
            Ordering::Less if !self.said.went_back => {
                self.said.went_back = true;
                tracing::warn!(service, index, "the registry's index went back, restarting the watch");
                self.asker.link.disturb();
            }
            // After a restart with 0 any index is higher, which proves nothing.
            Ordering::Greater if self.cursor.index() > 0 => self.said.went_back = false,
            _ => {}
        }
        self.backoff.reset();
        if let Some(since) = self.asker.link.last_doubt(asked, now) {
            self.cursor.doubt(since);
        }
        let listed = found.usable.len();
        let set = self.cursor.accept(index, &mut found, now);
        let retaining = self.cursor.held_until().is_some();
        self.asker.set_doubts(found.filtered, retaining);
        if retaining && !std::mem::replace(&mut self.said.retaining, true) {
            tracing::warn!(
                service,
                listed,
                "most instances are gone after an outage, keeping them for the grace"
            );
        }
        self.said.retaining = retaining;
        match (found.filtered, std::mem::replace(&mut self.said.filtered, found.filtered)) {
            (true, false) => {
                tracing::warn!(
                    service,
                    listed,
                    "the ACL token may not read all instances, the last good set stays"
                );
            }
            (false, true) => tracing::info!(service, "the ACL token may read all instances again"),
            _ => {}
        }
        for (instance, flaw) in &found.flaws {
            if self.said.flaws.get(instance) != Some(flaw) {
                tracing::warn!(service, instance, flaw, "an instance is registered incorrectly");
            }
        }
        self.said.flaws = found.flaws;
        set
    }

    /// Accepts the retained loss, unless it is still in doubt.
    fn release(&mut self) -> Option<InstanceSet> {
        let now = Instant::now();
        if let Some(since) = self.asker.link.last_doubt(now, now) {
            self.cursor.doubt(since);
        }
        let set = self.cursor.release(now);
        let retaining = self.cursor.held_until().is_some();
        self.said.retaining = retaining;
        self.asker.set_doubts(self.said.filtered, retaining);
        set
    }

    fn fail(&mut self, error: &Error) {
        // That the registry is unreachable is logged once for all its clients.
        if !error.is_outage() && !std::mem::replace(&mut self.said.unusable, true) {
            let (service, error) = (&self.service, chain(error));
            tracing::warn!(service, error, "can't watch the service, the last good set stays");
        }
        self.cursor.fail();
    }
}

/// Returns the time between the starts of two polls of a service with this number of instances.
fn pace(instances: usize) -> Duration {
    let more = PACE_PER_INSTANCE.saturating_mul(u32::try_from(instances).unwrap_or(u32::MAX));
    PACE.saturating_add(more).min(SLOWEST_PACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poll_interval_grows_with_instances_up_to_a_fifth_of_a_second() {
        for (instances, millis) in [(0, 50), (20, 53), (1000, 200), (usize::MAX, 200)] {
            assert_eq!(pace(instances), Duration::from_millis(millis), "{instances}");
        }
    }
}
