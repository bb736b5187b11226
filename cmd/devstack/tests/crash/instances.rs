//! Several instances that share a topic, one of which is frozen until it has lost its partitions; and repeated
//! events.

use crate::deployment::{Deployment, Instance, Kind, wait_for};
use crate::flow::{Events, Flow, Sender};
use crate::servers::{PARTITIONS, Servers, number, random, runtime};
use libtest_mimic::Failed;
use rand::RngExt;
use recount::compare::{Differences, effects};
use recount::log::Reader;
use recount::stored::Database;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::thread::sleep;
use std::time::Duration;

/// Returns the number of partitions of which an instance has applied events as their owner.
fn owned(instance: &Instance) -> usize {
    instance.metric("ingest_stored_offset").1
}

fn fenced(instance: &Instance) -> u64 {
    instance.metric("ingest_fenced_total").0
}

/// Keeps sending events, because a partition's owner is visible only when events are applied.
struct Trickle<'a> {
    flow: &'a Flow,
    released: u64,
}

impl Trickle<'_> {
    fn more(&mut self, events: u64) {
        self.released += events;
        self.flow.release(self.released);
    }

    fn until(&mut self, what: &str, mut condition: impl FnMut() -> bool) {
        wait_for(what, || {
            self.more(20);
            sleep(Duration::from_millis(50));
            condition()
        });
    }
}

/// Two instances, then three; one is frozen past its session time-out, and wakes up with batches of partitions
/// that others own by then; another is killed.
pub(crate) fn freeze(servers: &Servers) -> Result<(), Failed> {
    const FREEZES: u64 = 6;
    let (mut random, events) = (random(), number("MARQUEE_TEST_EVENTS", 100_000));
    let topic = servers.topic()?;
    let all = Deployment::new(servers, Kind::Postgres, &topic, &[])?;
    let flow = Flow::start(&all.brokers, &topic, random.random(), events)?;
    let slice = events / (2 * FREEZES);
    let (first, second) = (all.start("first")?, all.start("second")?);
    flow.release(slice);
    let mut trickle = Trickle { flow: &flow, released: slice };
    trickle.until("two instances to share the partitions", || {
        owned(&first) < PARTITIONS as usize && owned(&first) + owned(&second) == PARTITIONS as usize
    });
    let third = all.start("third")?;
    for _ in 0..FREEZES {
        trickle.until("all instances to have partitions", || {
            [&first, &second, &third].iter().all(|one| owned(one) > 0)
        });
        let before = all.applied().unwrap_or(0);
        trickle.more(slice);
        // In the midst of the slice, so that the instance has a batch in flight.
        all.wait_applied(before + slice / 4);
        first.freeze();
        trickle.until("the others to take its partitions", || {
            owned(&second) + owned(&third) == PARTITIONS as usize
        });
        first.thaw();
        first.wait_ready();
        if fenced(&first) > 0 {
            break;
        }
    }
    eprintln!("the fence held {} batches back", fenced(&first));
    assert!(fenced(&first) > 0, "the frozen instance never came with a batch of what it had lost");
    drop(third);
    flow.finish()?;
    all.verify()?;
    first.stop()?;
    second.stop()
}

/// The same events sent twice, one partition after the other, have the effect of sending them once.
pub(crate) fn twice(servers: &Servers, kind: Kind) -> Result<(), Failed> {
    let (mut random, events) = (random(), number("MARQUEE_TEST_EVENTS", 100_000_usize) / 5);
    let events: Vec<_> = Events::new(random.random()).take(events).collect();
    let (once, twice) = (servers.topic()?, servers.topic()?);
    let all = Deployment::new(servers, kind, &twice, &[])?;
    let (to_once, to_twice) = (Sender::new(&all.brokers, &once)?, Sender::new(&all.brokers, &twice)?);
    events.iter().try_for_each(|event| to_once.send(event, None))?;
    to_once.finish()?;
    let instance = all.start("one")?;
    for partition in (0..PARTITIONS).rev() {
        let own = |key: &str| {
            let mut hasher = DefaultHasher::new();
            key.hash(&mut hasher);
            hasher.finish() % PARTITIONS as u64 == partition as u64
        };
        for event in events.iter().chain(&events).filter(|event| own(&event.key)) {
            to_twice.send(event, Some(partition))?;
        }
    }
    to_twice.finish()?;
    all.verify()?;
    let log = Reader::new(&all.brokers, &[]).read(&once)?;
    let stored = runtime().block_on(async {
        let mut database = Database::open(&all.database).await?;
        database.read(&log.cluster, &twice).await
    })?;
    let mut differences = Differences::default();
    effects(&stored, &log, &mut differences);
    eprint!("against the events sent once: {differences}");
    assert_eq!(differences.count, 0);
    instance.stop()
}
