//! Sends ratings to Kafka: an initial load, then a few per second.

use crate::loading::lag::Lag;
use crate::loading::users::SimulatedUsers;
use anyhow::Context;
use model::RatingEvent;
use ratingingester::{Event, Producer};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The maximum number of events in flight: the embedded broker keeps a few megabytes per partition and
/// silently drops the oldest.
const AHEAD: u64 = 200_000;
/// The interval of polling the consumer's progress.
const LOOK: Duration = Duration::from_millis(20);
/// How long the consumer may make no progress before the load fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// The time between two ratings of the flow.
const PACE: Duration = Duration::from_millis(400);

/// Sends all of `events` and waits until the consumer has applied them, calling `applied` with the number
/// applied; returns the total. Blocks; returns early on `stop`.
pub(crate) fn send_all<E: std::error::Error + Send + Sync + 'static>(
    producer: &Producer,
    lag: &Lag,
    events: impl Iterator<Item = Result<RatingEvent, E>>,
    applied: impl Fn(u64),
    stop: &CancellationToken,
) -> anyhow::Result<u64> {
    let mut sent = 0;
    let mut room = AHEAD;
    for event in events {
        if room == 0 {
            producer.flush()?;
            room = AHEAD - wait(lag, sent, AHEAD / 2, &applied, stop)?;
        }
        if stop.is_cancelled() {
            break;
        }
        producer.send(&(&event?).into())?;
        sent += 1;
        room -= 1;
    }
    producer.flush()?;
    wait(lag, sent, 0, &applied, stop)?;
    Ok(sent)
}

/// Waits until the consumer is at most `enough` events behind; returns its lag.
fn wait(
    lag: &Lag,
    sent: u64,
    enough: u64,
    applied: &impl Fn(u64),
    stop: &CancellationToken,
) -> anyhow::Result<u64> {
    let mut least = u64::MAX;
    let mut moved = Instant::now();
    loop {
        let behind = lag.behind().context("the rating service's progress can't be read")?;
        applied(sent.saturating_sub(behind));
        if behind <= enough || stop.is_cancelled() {
            return Ok(behind.min(AHEAD));
        }
        if behind < least {
            (least, moved) = (behind, Instant::now());
        }
        anyhow::ensure!(
            moved.elapsed() < PATIENCE,
            "the rating service has applied none of {behind} pending ratings for {} s",
            PATIENCE.as_secs()
        );
        std::thread::sleep(LOOK);
    }
}

/// Sends the actions of `users` one by one, until stopped.
pub(crate) async fn flow(producer: Arc<Producer>, users: SimulatedUsers, stop: CancellationToken) {
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for event in users {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = pace.tick() => {}
        }
        // If the queue is full (the broker is unreachable), these ratings are dropped.
        let event = Event::from(&event);
        let _ = producer.try_send(&producer.outgoing((&event).into()), 0);
    }
}
