//! What each `--delivery` loses and doubles if the service is killed between the two commits of a batch.

use crate::deployment::{Deployment, Instance, Kind, wait_for};
use crate::flow::{Event, Sender};
use crate::servers::{Servers, runtime};
use libtest_mimic::Failed;
use recount::stored::{Aggregate, Database};
use std::thread::sleep;
use std::time::{Duration, Instant};

const USERS: u64 = 100_000;
const RECORDS: u64 = 100;
/// The minimum number of kills, and the maximum if no kill has hit the moment between two commits yet.
const KILLS: u64 = 10;
const MOST_KILLS: u64 = 60;

/// Each user rates one record, and then changes the rating: both events change the record's revision, also if
/// they are applied again.
fn events() -> impl Iterator<Item = Event> {
    let event = |user: u64, value: u8| {
        let record = user % RECORDS;
        let json =
            format!(r#"{{"userId":"{user}","recordId":"{record}","recordType":"movie","value":{value}}}"#);
        Event { key: format!("movie/{record}"), value: Some(json.into()), protobuf: false }
    };
    (0..USERS).flat_map(move |user| [event(user, 1), event(user, 2)])
}

/// Returns the number of events that changed a rating, and the number of users with a rating.
fn stored(deployment: &Deployment) -> Result<(i64, i64), Failed> {
    let stored = runtime().block_on(async {
        let mut database = Database::open(&deployment.database).await?;
        let stored = database.read("", &deployment.topic).await?;
        database.close().await?;
        anyhow::Ok(stored)
    })?;
    let sum = |part: fn(&Aggregate) -> i64| stored.aggregates.values().map(part).sum();
    Ok((sum(|aggregate| aggregate.revision), sum(|aggregate| aggregate.count)))
}

/// Returns true if as many events have had an effect as the offsets imply.
fn agrees(deployment: &Deployment) -> Result<bool, Failed> {
    let (changes, _) = stored(deployment)?;
    Ok(deployment.applied() == u64::try_from(changes).ok())
}

/// Kills the service `later` than it counts more events: immediately is after the commit of their ratings, and before
/// that of their offsets if it follows; some milliseconds later the next ones are being applied.
fn kill_at_commit(instance: Instance, later: Duration) {
    let counted = || instance.metric("ingest_events_total").0;
    wait_for("the first events to be counted", || counted() > 0);
    let before = counted();
    let deadline = Instant::now() + Duration::from_secs(60);
    while counted() == before {
        assert!(Instant::now() < deadline, "no more events are counted");
    }
    sleep(later);
    drop(instance);
}

pub(crate) fn each(servers: &Servers) -> Result<(), Failed> {
    let topic = servers.topic()?;
    let sender = Sender::new(&servers.kafka(), &topic)?;
    events().try_for_each(|event| sender.send(&event, None))?;
    sender.finish()?;
    let sent = 2 * USERS;
    for (delivery, later) in
        [("at-most-once", 10), ("at-least-once", 0), ("exactly-once", 10), ("exactly-once", 0)]
    {
        let flags =
            ["--delivery", delivery, "--batch-events", "1000", "--kafka-option", "group.instance.id=one"];
        let one = Deployment::new(servers, Kind::Sqlite, &topic, &flags)?;
        let mut kills = 0;
        let exactly = delivery == "exactly-once";
        while kills < KILLS || (!exactly && kills < MOST_KILLS && agrees(&one)?) {
            kill_at_commit(one.start("one")?, Duration::from_millis(later));
            kills += 1;
        }
        let instance = one.start("one")?;
        one.wait_applied(sent);
        instance.stop()?;
        let (changes, users) = stored(&one)?;
        let more = changes - sent.cast_signed();
        let nobody = USERS.cast_signed() - users;
        eprintln!(
            "{delivery}, killed {kills} times: {more:+} of {sent} events had an effect, {nobody} users have no rating"
        );
        let held = match delivery {
            "at-most-once" => more < 0 && nobody > 0,
            "at-least-once" => more > 0 && nobody == 0,
            _ => more == 0 && nobody == 0,
        };
        assert!(held, "{delivery}: {more:+} effects, {nobody} users without a rating");
    }
    Ok(())
}
