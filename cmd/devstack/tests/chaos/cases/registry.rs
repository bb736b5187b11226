//! A registry that is killed or frozen.

use super::SECOND;
use crate::Stage;
use crate::fleet::{DRAIN, Fleet};
use crate::load::Load;
use crate::report::Report;
use tokio::time::sleep;

/// The services that a registry must know again after it was killed and restarted empty. Whether it was
/// away for 30 s or for 6 s makes no difference to them: after 5 s each has missed a heartbeat and retries once
/// per second, and movie's grace for an empty registry starts when it responds again.
pub(crate) async fn registry_is_killed_and_returns_empty(stage: &Stage) -> Report {
    let mut fleet = Fleet::start(stage.data().await).await;
    let load = Load::start(fleet.movie.authority(), stage.rate());
    sleep(SECOND).await;
    let place = fleet.agent.kill();
    sleep(stage.lasts(30, 6)).await;
    fleet.agent = place.start();
    let registered = fleet.has_registered(&[("rating", 3), ("metadata", 2), ("movie", 1)]).await;
    sleep(2 * SECOND).await;
    let answers = load.end().await;
    let mut report = Report::of(&answers);
    report.all_whole(&answers);
    report.within("everything registered again after", registered, 5 * SECOND);
    report
}

pub(crate) async fn registry_is_frozen_while_services_stop(stage: &Stage) -> Report {
    let mut fleet = Fleet::start(stage.data().await).await;
    let load = Load::start(fleet.movie.authority(), stage.rate());
    sleep(SECOND).await;
    fleet.agent.signal("STOP");
    sleep(stage.lasts(5, 1)).await;
    let rating = fleet.rating.remove(0).stop().await;
    let metadata = fleet.metadata.remove(0).stop().await;
    sleep(stage.lasts(5, 1)).await;
    fleet.agent.signal("CONT");
    sleep(2 * SECOND).await;
    let answers = load.end().await;
    let mut report = Report::of(&answers);
    report.all_whole(&answers);
    report.within("rating stopped in", rating, DRAIN);
    report.within("metadata stopped in", metadata, DRAIN);
    report
}

/// No service reaches the registry for longer than a TTL, but not as long as one blocking query waits: that query
/// returns an empty list as soon as the registry continues.
pub(crate) async fn registry_is_frozen_until_all_heartbeats_expire(stage: &Stage) -> Report {
    let fleet = Fleet::start(stage.data().await).await;
    let load = Load::start(fleet.movie.authority(), stage.rate());
    sleep(SECOND).await;
    fleet.agent.signal("STOP");
    sleep(stage.lasts(20, 1)).await;
    fleet.agent.signal("CONT");
    let registered = fleet.has_registered(&[("rating", 3), ("metadata", 2), ("movie", 1)]).await;
    sleep(2 * SECOND).await;
    let answers = load.end().await;
    let mut report = Report::of(&answers);
    report.all_whole(&answers);
    report.within("everything registered again after", registered, 5 * SECOND);
    report
}
