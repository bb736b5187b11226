//! One instance and its servers, killed repeatedly.

use crate::deployment::{Deployment, Kind};
use crate::flow::Flow;
use crate::servers::{Servers, number, random};
use libtest_mimic::Failed;
use rand::RngExt;
use std::thread::sleep;
use std::time::Duration;

/// The number of events.
fn events() -> u64 {
    number("MARQUEE_TEST_EVENTS", 100_000)
}

/// Kills the service at random moments, mostly while it applies events, sometimes while it starts.
pub(crate) fn of_the_service(servers: &Servers, kind: Kind) -> Result<(), Failed> {
    const LIVES: u64 = 20;
    let (mut random, events) = (random(), events());
    let topic = servers.topic()?;
    // A static member gets its partitions back immediately; otherwise the group would wait for the dead one.
    let one = Deployment::new(servers, kind, &topic, &["--kafka-option", "group.instance.id=one"])?;
    let flow = Flow::start(&one.brokers, &topic, random.random(), events)?;
    let (mut applied, mut busy) = (0, 0);
    for life in 1..=LIVES {
        let released = events * life / (LIVES + 1);
        flow.release(released);
        let instance = one.start("one")?;
        if !life.is_multiple_of(4) {
            one.wait_applied(applied + random.random_range(1..=(released - applied).max(1) / 2 + 1));
        }
        sleep(Duration::from_millis(random.random_range(0..150)));
        drop(instance);
        applied = one.applied().ok_or("the database can't be read")?;
        busy += u64::from(applied < released);
    }
    eprintln!("{busy} of {LIVES} kills hit it while events waited");
    assert!(busy >= LIVES / 4, "hardly ever was it killed at work");
    flow.finish()?;
    let instance = one.start("one")?;
    one.verify()?;
    instance.stop()
}

/// Kills the broker while two services ingest the same topic into both databases.
pub(crate) fn of_the_broker(servers: &Servers) -> Result<(), Failed> {
    const KILLS: u64 = 5;
    let (mut random, events) = (random(), events());
    let topic = servers.topic()?;
    let both = [Kind::Sqlite, Kind::Postgres].map(|kind| Deployment::new(servers, kind, &topic, &[]));
    let both = both.into_iter().collect::<Result<Vec<_>, _>>()?;
    let instances = both.iter().map(|one| one.start("one")).collect::<Result<Vec<_>, _>>()?;
    let flow = Flow::start(&both[0].brokers, &topic, random.random(), events)?;
    for kill in 1..=KILLS {
        let before: Vec<u64> = both.iter().map(|one| one.applied().unwrap_or(0)).collect();
        flow.release(events * kill / (KILLS + 1));
        both.iter().zip(before).for_each(|(one, before)| one.wait_applied(before + 1));
        sleep(Duration::from_millis(random.random_range(0..300)));
        servers.crash_kafka();
    }
    flow.finish()?;
    both.iter().try_for_each(Deployment::verify)?;
    instances.iter().for_each(|instance| instance.wait_ready());
    instances.into_iter().try_for_each(|instance| instance.stop())
}

/// Kills PostgreSQL.
pub(crate) fn of_the_database(servers: &Servers) -> Result<(), Failed> {
    const KILLS: u64 = 5;
    let (mut random, events) = (random(), events());
    let topic = servers.topic()?;
    let one = Deployment::new(servers, Kind::Postgres, &topic, &[])?;
    let instance = one.start("one")?;
    let flow = Flow::start(&one.brokers, &topic, random.random(), events)?;
    for kill in 1..=KILLS {
        let before = one.applied().unwrap_or(0);
        flow.release(events * kill / (KILLS + 1));
        one.wait_applied(before + 1);
        sleep(Duration::from_millis(random.random_range(0..300)));
        servers.crash_postgres();
    }
    flow.finish()?;
    one.verify()?;
    instance.wait_ready();
    instance.stop()
}
