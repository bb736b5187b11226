//! Registered instances that reject calls, are slow, or do not exist.

use super::SECOND;
use crate::Stage;
use crate::fleet::{Fleet, instance};
use crate::load::Load;
use crate::process::free_port;
use crate::report::Report;
use crate::stand_in::{Does, StandIn, black_hole};
use futures::future::join_all;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// More calls than two workers send to an ejected instance in ten seconds, though some at the same time.
const TRIES: usize = 15;

pub(crate) async fn one_instance_rejects_everything(stage: &Stage) -> Report {
    let fleet = Fleet::start(stage.data().await).await;
    let refusing = StandIn::start(fleet.rating[0].authority(), Does::Refuse).await;
    let load = Load::start(fleet.movie.authority(), stage.rate());
    sleep(SECOND).await;
    let _registered = fleet.announce(&instance("rating", refusing.port())).await;
    let began = Instant::now();
    sleep(stage.lasts(10, 5)).await;
    let answers = load.end().await;
    let mut report = Report::of(&answers);
    report.all_whole(&answers);
    let later = began + SECOND;
    let (calls, offered) = (refusing.calls_since(later), answers.since(later).count());
    report.tell(format_args!("its share after 1 s {:.2} %", 100.0 * share(calls, offered)));
    report.must(refusing.calls_since(began) > 1, "it was not called");
    // A try after each ejection exceeds its share if the load is low.
    report.must(calls < TRIES.max(offered / 100), "its share is not under 1 %");
    report
}

pub(crate) async fn one_instance_is_slow(stage: &Stage) -> Report {
    let fleet = Fleet::start(stage.data().await).await;
    let slow = StandIn::start(fleet.rating[0].authority(), Does::Forward).await;
    let _registered = fleet.announce(&instance("rating", slow.port())).await;
    let load = Load::start(fleet.movie.authority(), stage.rate());
    // A new instance gets its full share after a second.
    sleep(SECOND).await;
    let well = Instant::now();
    sleep(stage.lasts(3, 2)).await;
    let began = Instant::now();
    slow.now(Does::Delay(Duration::from_millis(200)));
    sleep(stage.lasts(10, 3)).await;
    let answers = load.end().await;
    let mut report = Report::of(&answers);
    report.all_whole(&answers);
    let since = slow.calls_since(began);
    let before = share(slow.calls_since(well) - since, answers.since(well).before(began).count());
    let after = share(since, answers.since(began).count());
    report.tell(format_args!("its share {:.1} %, then {:.1} %", before * 100.0, after * 100.0));
    report.must(after < before, "its share does not fall");
    let p99 = answers.since(began).latency(0.99);
    report.within("p99 while it is slow", p99, Duration::from_millis(250));
    report
}

pub(crate) async fn closed_port_and_black_hole_are_registered(stage: &Stage) -> Report {
    let fleet = Fleet::start(stage.data().await).await;
    let load = Load::start(fleet.movie.authority(), stage.rate());
    sleep(SECOND).await;
    let (hole, _hole) = black_hole().await;
    let places = ["rating", "metadata"].map(|service| [(service, free_port()), (service, hole)]);
    let places = places.map(|both| both.map(|(service, port)| instance(service, port)));
    let _registered = join_all(places.iter().flatten().map(|place| fleet.announce(place))).await;
    let began = Instant::now();
    sleep(stage.lasts(10, 5)).await;
    let answers = load.end().await;
    let mut report = Report::of(&answers);
    let later = answers.since(began + SECOND);
    report.tell(format_args!("after the first second {later}"));
    report.all_whole(&later);
    report
}

pub(crate) async fn all_instances_fail_everything(stage: &Stage) -> Report {
    let fleet = Fleet::with_hidden_ratings(stage.data().await).await;
    // Calls of the last 2 s pay for retries. In a long failure these are negligible; a short one starts
    // without them, so that the sum is representative of a long one.
    let calm = stage.lasts(2, 0);
    let does = if calm.is_zero() { Does::Refuse } else { Does::Forward };
    let failing = join_all(fleet.rating.iter().map(|rating| StandIn::start(rating.authority(), does))).await;
    let places: Vec<_> = failing.iter().map(|one| instance("rating", one.port())).collect();
    let _registered = join_all(places.iter().map(|place| fleet.announce(place))).await;
    fleet.has_metadata().await;

    let load = Load::start(fleet.movie.authority(), stage.rate());
    sleep(calm).await;
    let began = Instant::now();
    failing.iter().for_each(|one| one.now(Does::Refuse));
    sleep(stage.lasts(30, 5)).await;
    let (sent, ended) = (failing.iter().map(|one| one.calls_since(began)).sum::<usize>(), Instant::now());
    failing.iter().for_each(|one| one.now(Does::Forward));
    let whole = fleet.is_whole().await;
    let answers = load.end().await;

    let mut report = Report::of(&answers);
    report.none_failed(&answers);
    let offered = answers.since(began).before(ended);
    report.must(offered.partial() > offered.count() * 9 / 10, "they did not fail");
    let ratio = share(sent, offered.count());
    report.tell(format_args!("{sent} calls for {} offered, {ratio:.3} times", offered.count()));
    // Some retries are free, whatever the load: the lower the load, the more they count.
    let limit = if stage.full { 1.2 } else { 1.35 };
    report.must(ratio <= limit, format_args!("more than {limit} times the offered load"));
    report.tell(format_args!("whole again after {} ms", whole.as_millis()));
    report
}

fn share(calls: usize, offered: usize) -> f64 {
    calls as f64 / offered.max(1) as f64
}
