//! How soon callers notice new and stopped instances.

use super::SECOND;
use crate::Stage;
use crate::fleet::{Fleet, instance};
use crate::load::Load;
use crate::report::Report;
use crate::stand_in::{Does, StandIn};
use std::time::Duration;
use tokio::time::{Instant, sleep};

pub(crate) async fn instances_are_called_once_registered_and_no_more_once_deregistered(
    stage: &Stage,
) -> Report {
    let fleet = Fleet::start(stage.data().await).await;
    let registry = fleet.registry();
    let load = Load::start(fleet.movie.authority(), stage.rate());
    sleep(SECOND).await;
    let (mut first, mut last) = (Duration::ZERO, Duration::ZERO);
    let mut ignored = 0;
    for _ in 0..stage.lasts(5, 2).as_secs() {
        let stand_in = StandIn::start(fleet.rating[0].authority(), Does::Forward).await;
        let place = instance("rating", stand_in.port());
        registry.register(&place).await.unwrap();
        let registered = Instant::now();
        sleep(2 * SECOND).await;
        registry.deregister(&place).await.unwrap();
        let deregistered = Instant::now();
        sleep(SECOND).await;
        let calls = stand_in.calls();
        match calls.first().zip(calls.last()) {
            Some((begin, end)) => {
                first = first.max(begin.saturating_duration_since(registered));
                last = last.max(end.saturating_duration_since(deregistered));
            }
            None => ignored += 1,
        }
    }
    let answers = load.end().await;
    let mut report = Report::of(&answers);
    report.all_whole(&answers);
    report.must(ignored == 0, format_args!("{ignored} new instances were never called"));
    let limit = Duration::from_millis(300);
    report.within("the latest first call after", first, limit);
    report.within("the latest last call after", last, limit);
    report
}
