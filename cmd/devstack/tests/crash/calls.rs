//! API calls to two instances and events of the topic, all about the same few ratings.

use crate::deployment::{Deployment, Instance, Kind};
use crate::flow::{Event, Sender};
use crate::servers::{Servers, number, random, runtime};
use api::rating::v1::rating_service_client::RatingServiceClient;
use api::rating::v1::{DeleteRatingRequest, GetAggregatedRatingRequest, PutRatingRequest};
use libtest_mimic::Failed;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use recount::stored::{Database, Stored};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;
use tonic::Code;
use tonic::transport::Channel;

const CALLERS: u32 = 64;
const RECORDS: u32 = 5;
const USERS: u32 = 8;

type Pair = (u32, u32);

/// The last write of one source to one rating.
#[derive(Clone, Debug)]
struct Last {
    /// The value and a unique name, stored as the rating's provider; none for a delete.
    put: Option<(u8, String)>,
    /// When the write was acknowledged; none if unknown.
    answered: Option<Instant>,
    began: Option<Instant>,
}

type Written = HashMap<Pair, Last>;

/// Draws the next write: a rating's record and user, and its value unless it is a delete.
fn draw(random: &mut StdRng) -> (Pair, Option<u8>) {
    let pair = (random.random_range(0..RECORDS), random.random_range(0..USERS));
    (pair, random.random_ratio(6, 7).then(|| random.random_range(1..=10)))
}

/// Two instances and many callers: each stored rating is the last write of some source, no call fails, and
/// no revision ever decreases.
pub(crate) fn and_events(servers: &Servers) -> Result<(), Failed> {
    let (mut random, time) = (random(), Duration::from_secs(number("MARQUEE_TEST_SECONDS", 30)));
    let topic = servers.topic()?;
    let all = Deployment::new(servers, Kind::Postgres, &topic, &[])?;
    let instances = [all.start("first")?, all.start("second")?];
    instances.iter().for_each(Instance::wait_ready);

    let (until, seed, sender) = (Instant::now() + time, random.random(), Sender::new(&all.brokers, &topic)?);
    let sending = std::thread::spawn(move || send(&sender, StdRng::seed_from_u64(seed), until));
    let addresses = instances.each_ref().map(|instance| format!("http://{}", instance.address));
    let calling = call_all(addresses, &mut random, until);
    let workers = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (mut sources, calls) = workers.block_on(calling)?;
    let (sent, events) = sending.join().map_err(|_| "the sender panicked")??;
    sources.push(sent);
    eprintln!("{calls} calls and {events} events about {} ratings", RECORDS * USERS);

    all.wait_applied(events);
    let stored = runtime().block_on(async {
        let config = recount::Config {
            database: all.database.clone(),
            kafka: None,
            topic,
            options: Vec::new(),
            wait: 0,
        };
        let report = recount::run(&config).await?;
        anyhow::ensure!(report.agrees(), "{report}");
        Database::open(&all.database).await?.read("", "").await
    })?;
    for pair in (0..RECORDS).flat_map(|record| (0..USERS).map(move |user| (record, user))) {
        check(pair, &stored, &sources);
    }
    instances.into_iter().try_for_each(Instance::stop)
}

/// Sends events until the time is over; returns the last write to each rating, and the number of events.
fn send(sender: &Sender, mut random: StdRng, until: Instant) -> Result<(Written, u64), String> {
    let (mut written, mut sent) = (Written::new(), 0);
    while Instant::now() < until {
        // In bursts, so that there are small and large batches.
        for _ in 0..random.random_range(1..2_000) {
            let ((record, user), value) = draw(&mut random);
            let name = format!("event-{sent}");
            let what = value.map_or_else(
                || r#""eventType":"delete""#.to_owned(),
                |value| format!(r#""value":{value},"providerId":"{name}""#),
            );
            let json =
                format!(r#"{{"userId":"user-{user}","recordId":"{record}","recordType":"movie",{what}}}"#);
            let event = Event { key: format!("movie/{record}"), value: Some(json.into()), protobuf: false };
            sender.send(&event, None).map_err(|error| format!("{error:?}"))?;
            let put = value.map(|value| (value, name));
            written.insert((record, user), Last { put, answered: None, began: None });
            sent += 1;
        }
        sender.finish().map_err(|error| format!("{error:?}"))?;
        std::thread::sleep(Duration::from_millis(random.random_range(0..200)));
    }
    Ok((written, sent))
}

/// Makes calls until the time is over; returns the last writes of each caller, and the number of calls.
async fn call_all(
    addresses: [String; 2],
    random: &mut StdRng,
    until: Instant,
) -> Result<(Vec<Written>, u64), Failed> {
    let mut clients = Vec::new();
    for address in addresses {
        clients.push(RatingServiceClient::connect(address).await?);
    }
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let client = clients[caller as usize % 2].clone();
            tokio::spawn(call(client, caller, StdRng::seed_from_u64(random.random()), until))
        })
        .collect();
    let watchers: Vec<_> = clients.into_iter().map(|client| tokio::spawn(watch(client, until))).collect();
    let (mut sources, mut calls) = (Vec::new(), 0);
    for caller in callers {
        let (written, made) = caller.await?;
        sources.push(written);
        calls += made;
    }
    for watcher in watchers {
        watcher.await?;
    }
    Ok((sources, calls))
}

async fn call(
    mut client: RatingServiceClient<Channel>,
    caller: u32,
    mut random: StdRng,
    until: Instant,
) -> (Written, u64) {
    let (mut written, mut calls) = (Written::new(), 0);
    while Instant::now() < until {
        let ((record, user), value) = draw(&mut random);
        let began = Some(Instant::now());
        let (user_id, record_id) = (format!("user-{user}"), record.to_string());
        let record_type = "movie".to_owned();
        let put = value.map(|value| (value, format!("call-{caller}-{calls}")));
        if let Some((value, name)) = &put {
            let rating_value = i32::from(*value);
            let provider_id = name.clone();
            let request = PutRatingRequest {
                user_id,
                record_id,
                record_type,
                rating_value,
                provider_id,
                rated_at: None,
            };
            client.put_rating(request).await.unwrap();
        } else {
            match client.delete_rating(DeleteRatingRequest { user_id, record_id, record_type }).await {
                Err(status) if status.code() != Code::NotFound => panic!("a delete fails: {status}"),
                _ => {}
            }
        }
        written.insert((record, user), Last { put, answered: Some(Instant::now()), began });
        calls += 1;
    }
    (written, calls)
}

/// Polls all aggregates of one instance and asserts that revisions only increase.
async fn watch(mut client: RatingServiceClient<Channel>, until: Instant) {
    let mut seen = [0; RECORDS as usize];
    while Instant::now() < until {
        for (record, seen) in seen.iter_mut().enumerate() {
            let request =
                GetAggregatedRatingRequest { record_id: record.to_string(), record_type: "movie".to_owned() };
            match client.get_aggregated_rating(request).await {
                Ok(answer) => {
                    let aggregate = answer.into_inner().aggregate.unwrap();
                    assert!(aggregate.revision >= *seen, "{aggregate:?} after revision {seen}");
                    assert_eq!(aggregate.count, aggregate.histogram.iter().sum::<u64>());
                    *seen = aggregate.revision;
                }
                Err(status) => assert_eq!(status.code(), Code::NotFound, "{status}"),
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Each stored rating must be the last write of some source, and no call may have started after that write was
/// acknowledged.
fn check((record, user): Pair, stored: &Stored, sources: &[Written]) {
    let last: Vec<&Last> = sources.iter().filter_map(|written| written.get(&(record, user))).collect();
    let latest = last.iter().filter_map(|last| last.began).max();
    let may_stand = |last: &&&Last| last.answered.is_none_or(|answered| Some(answered) >= latest);
    let possible: Vec<_> = last.iter().filter(may_stand).map(|last| last.put.clone()).collect();
    let found = stored.rating(&format!("movie/{record}"), &format!("user-{user}"));
    let found = found.map(|rating| (rating.value, rating.provider.clone().unwrap_or_default()));
    let nothing = last.is_empty() && found.is_none();
    assert!(nothing || possible.contains(&found), "record {record}, user {user}: {found:?} of {possible:?}");
}
