//! Instances of metadata and rating that are killed, frozen, stopped and restarted.

use super::SECOND;
use crate::Stage;
use crate::fleet::Fleet;
use crate::load::Load;
use crate::report::Report;
use std::mem;
use std::time::Duration;
use tokio::time::{Instant, sleep};

pub(crate) async fn one_rating_is_killed_and_restarted(stage: &Stage) -> Report {
    let mut fleet = Fleet::start(stage.data().await).await;
    let load = Load::start(fleet.movie.authority(), stage.rate());
    sleep(SECOND).await;
    let place = fleet.rating.remove(0).kill();
    sleep(stage.lasts(5, 2)).await;
    let _again = fleet.again(place).await;
    sleep(stage.lasts(3, 2)).await;
    let answers = load.end().await;
    let mut report = Report::of(&answers);
    report.all_whole(&answers);
    report
}

pub(crate) async fn one_rating_is_frozen(stage: &Stage) -> Report {
    let fleet = Fleet::start(stage.data().await).await;
    let load = Load::start(fleet.movie.authority(), stage.rate());
    sleep(SECOND).await;
    let frozen = Instant::now();
    fleet.rating[0].signal("STOP");
    sleep(stage.lasts(10, 3)).await;
    fleet.rating[0].signal("CONT");
    sleep(SECOND).await;
    let answers = load.end().await;
    let mut report = Report::of(&answers);
    report.all_whole(&answers);
    let p99 = answers.since(frozen + SECOND).latency(0.99);
    report.within("p99 after the first second", p99, Duration::from_millis(250));
    report
}

pub(crate) async fn all_five_backends_are_replaced_in_turn(stage: &Stage) -> Report {
    let mut fleet = Fleet::start(stage.data().await).await;
    let load = Load::start(fleet.movie.authority(), stage.rate());
    sleep(SECOND).await;
    for member in mem::take(&mut fleet.metadata) {
        member.stop().await;
        fleet.metadata.push(fleet.another("metadata").await);
        sleep(stage.lasts(1, 0)).await;
    }
    for member in mem::take(&mut fleet.rating) {
        member.stop().await;
        fleet.rating.push(fleet.another("rating").await);
        sleep(stage.lasts(1, 0)).await;
    }
    sleep(SECOND).await;
    let answers = load.end().await;
    let mut report = Report::of(&answers);
    report.all_whole(&answers);
    report
}

pub(crate) async fn all_ratings_are_dead_until_one_returns(stage: &Stage) -> Report {
    let timeout = Duration::from_secs(2);
    let mut fleet = Fleet::start(stage.data().await).await;
    let load = Load::start(fleet.movie.authority(), stage.rate());
    sleep(SECOND).await;
    let places: Vec<_> = mem::take(&mut fleet.rating).into_iter().map(|member| member.kill()).collect();
    sleep(stage.lasts(5, 2)).await;
    let _again = fleet.again(places[0].clone()).await;
    let returned = Instant::now();
    sleep(4 * SECOND).await;
    let answers = load.end().await;

    let mut report = Report::of(&answers);
    report.none_failed(&answers);
    report.within("the slowest", answers.latency(1.0), timeout);
    report.must(answers.partial() > 0, "no answer was partial");
    report.must(answers.since(returned + 3 * SECOND).partial() == 0, "not whole 3 s after one returned");
    let whole = answers.last_partial().map(|last| last.saturating_duration_since(returned));
    report.within("whole again after", whole.unwrap_or_default(), 2 * SECOND);
    report
}
