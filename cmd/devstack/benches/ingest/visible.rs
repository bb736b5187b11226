//! The time from sending an event until the served aggregate includes it.

use crate::deployment::{Deployment, Kind};
use crate::flow::{Event, Sender};
use crate::servers::Servers;
use api::rating::v1::GetAggregatedRatingRequest;
use api::rating::v1::rating_service_client::RatingServiceClient;
use libtest_mimic::Failed;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;

const EVENTS: usize = 10_000;
const EVERY: Duration = Duration::from_millis(1);

/// Returns the 99th percentile in milliseconds, at 1,000 events per second, each of which adds a rating to one
/// record.
pub(crate) fn percentile(servers: &Servers) -> Result<f64, Failed> {
    // Earlier measurements have left pending disk writes, which would delay commits.
    Command::new("sync").status()?;
    let topic = servers.topic()?;
    let deployment = Deployment::new(servers, Kind::Sqlite, &topic, &[])?;
    let instance = deployment.start("one")?;
    let sender = Sender::new(&deployment.brokers, &topic)?;
    sender.send(&event(EVENTS), None)?;
    sender.finish()?;
    deployment.wait_applied(1);

    let begin = Instant::now() + Duration::from_millis(500);
    let due = move |number: usize| begin + EVERY * u32::try_from(number).unwrap_or(u32::MAX);
    let sending = std::thread::spawn(move || {
        for number in 0..EVENTS {
            std::thread::sleep(due(number).saturating_duration_since(Instant::now()));
            sender.send(&event(number), None).map_err(|error| format!("{error:?}"))?;
        }
        sender.finish().map_err(|error| format!("{error:?}"))
    });
    let address = format!("http://{}", instance.address);
    let seen = Builder::new_current_thread().enable_all().build()?.block_on(watch(address))?;
    sending.join().map_err(|_| "the sender panicked")??;
    let mut waited: Vec<f64> = (0..EVENTS)
        .map(|number| seen[number].saturating_duration_since(due(number)).as_secs_f64() * 1e3)
        .collect();
    waited.sort_by(f64::total_cmp);
    Ok(waited[EVENTS * 99 / 100])
}

fn event(number: usize) -> Event {
    let json = format!(r#"{{"userId":"user-{number}","recordId":"1","recordType":"movie","value":7}}"#);
    Event { key: "movie/1".to_owned(), value: Some(json.into()), protobuf: false }
}

/// Polls the aggregate; returns when each of the events was first seen in it.
async fn watch(address: String) -> Result<Vec<Instant>, Failed> {
    let mut client = RatingServiceClient::connect(address).await?;
    let mut seen = Vec::with_capacity(EVENTS);
    let deadline = Instant::now() + Duration::from_secs(120);
    while seen.len() < EVENTS {
        let (record_id, record_type) = ("1".to_owned(), "movie".to_owned());
        let answer =
            client.get_aggregated_rating(GetAggregatedRatingRequest { record_id, record_type }).await?;
        let now = Instant::now();
        // One existed before.
        let count = answer.into_inner().aggregate.ok_or("an aggregate")?.count - 1;
        seen.resize(usize::try_from(count)?.min(EVENTS), now);
        if now > deadline {
            return Err(format!("{} of {EVENTS} events were seen", seen.len()).into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(seen)
}
