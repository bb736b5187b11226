//! What a crash between the two halves of a batch, its ratings and its offsets, loses or doubles.

use crate::broker::Broker;
use crate::failing::Failing;
use crate::puts;
use crate::service::{self, Service, wait_for};
use model::{Record, RecordId, RecordType, UserId};
use rating::batch::{Batch, Write};
use rating::ingester::Delivery;
use rating::repository::{Batches, Ratings, memory};
use std::sync::Arc;
use std::time::Duration;

/// How many events the batch holds that the crash strikes, and how many come after it.
const STRUCK: usize = 10;
const LATER: usize = 5;

struct Crash {
    broker: Broker,
    repository: Arc<Failing<memory::Repository>>,
    delivery: Delivery,
    /// How many events the first run applied, as it counted them.
    applied: u64,
}

/// What the second run ended with.
#[derive(Debug, PartialEq, Eq)]
struct End {
    /// How many events both runs applied.
    applied: u64,
    /// How many users' ratings there are.
    ratings: u64,
    /// How many times the aggregate has changed.
    revision: u64,
}

impl Crash {
    /// Ingests a batch of events, and dies once `commits` transactions are committed.
    async fn after(commits: u32, delivery: Delivery) -> Self {
        let broker = Broker::start(1);
        broker.produce(&puts(0..STRUCK, 1));
        let repository = Arc::new(Failing::new(memory::Repository::new()));
        repository.apply_only(commits);
        let mut crash = Self { broker, repository, delivery, applied: 0 };
        let first = crash.start();
        if commits as usize == delivery_commits(delivery) {
            // All of the batch is in: the next one finds out.
            wait_for("the batch", || async { applied(&first) == STRUCK as u64 }).await;
        } else {
            wait_for("the crash", || async { first.ready().is_err_and(|e| e.contains("told to fail")) })
                .await;
        }
        crash.applied = applied(&first);
        first.stop().await;
        crash
    }

    fn start(&self) -> Service {
        Service::start_with(&self.broker, self.repository.clone(), |config| {
            config.delivery = self.delivery;
            // Long enough that all that is there at the start comes to one batch.
            config.batch_delay = Duration::from_secs(1);
        })
    }

    /// Starts again and ingests some more.
    async fn go_on(self) -> End {
        self.repository.apply_only(u32::MAX);
        self.broker.produce(&puts(STRUCK..STRUCK + LATER, 1));
        let second = self.start();
        let all = Some((STRUCK + LATER) as i64);
        let stored = || second.report().partitions.first().and_then(|partition| partition.stored_offset);
        wait_for("the rest", || async { stored() == all && applied(&second) >= LATER as u64 }).await;
        let end = End {
            applied: self.applied + applied(&second),
            ratings: service::aggregate(&self.repository.inner, 0).await.0,
            revision: revision(&self.repository.inner).await,
        };
        second.stop().await;
        end
    }
}

fn delivery_commits(delivery: Delivery) -> usize {
    if delivery == Delivery::ExactlyOnce { 1 } else { 2 }
}

fn applied(service: &Service) -> u64 {
    let events = service.report().events;
    events.created + events.replaced + events.unchanged + events.deleted + events.absent
}

fn record() -> Record {
    Record { record_type: RecordType::movie(), record_id: RecordId::new("0").unwrap() }
}

async fn revision(repository: &dyn Ratings) -> u64 {
    repository.get_aggregate(&record()).await.unwrap().unwrap().revision
}

const ALL: u64 = (STRUCK + LATER) as u64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_once_loses_and_doubles_nothing() {
    for commits in [0, 1] {
        let end = Crash::after(commits, Delivery::ExactlyOnce).await.go_on().await;
        assert_eq!(end, End { applied: ALL, ratings: ALL, revision: ALL }, "after {commits} commits");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_least_once_doubles_what_was_applied_before_its_offset() {
    for (commits, doubled) in [(0, 0), (1, STRUCK as u64), (2, 0)] {
        let end = Crash::after(commits, Delivery::AtLeastOnce).await.go_on().await;
        // The second time it changes nothing: a put says what the rating is.
        let expected = End { applied: ALL + doubled, ratings: ALL, revision: ALL };
        assert_eq!(end, expected, "after {commits} commits");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_most_once_loses_what_was_not_applied_after_its_offset() {
    for (commits, lost) in [(0, 0), (1, STRUCK as u64), (2, 0)] {
        let end = Crash::after(commits, Delivery::AtMostOnce).await.go_on().await;
        let left = ALL - lost;
        assert_eq!(end, End { applied: left, ratings: left, revision: left }, "after {commits} commits");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn intermediate_delete_is_undone_if_event_is_read_again() {
    for (delivery, ratings) in [(Delivery::ExactlyOnce, ALL - 1), (Delivery::AtLeastOnce, ALL)] {
        let crash = Crash::after(1, delivery).await;
        crash.repository.apply_only(u32::MAX);
        let delete = Write::Delete { record: record(), user_id: UserId::new("u0").unwrap() };
        crash.repository.apply(0, &Batch::of(vec![delete])).await.unwrap();
        let end = crash.go_on().await;
        assert_eq!(end.ratings, ratings, "{delivery}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commit_with_lost_reply_is_not_repeated() {
    let broker = Broker::start(1);
    let repository = Arc::new(Failing::new(memory::Repository::new()));
    repository.leave_unanswered();
    broker.produce(&puts(0..STRUCK, 1));
    let service = Service::start(&broker, repository.clone());
    wait_for("the fence", || async { service.report().fenced == 1 }).await;
    broker.produce(&puts(STRUCK..STRUCK + LATER, 1));
    wait_for("the rest", || async { service.events("created") == LATER as u64 }).await;
    assert_eq!((applied(&service), service.events("doubled")), (LATER as u64, STRUCK as u64));
    assert_eq!(
        (service::aggregate(&repository.inner, 0).await.0, revision(&repository.inner).await),
        (ALL, ALL)
    );
    service.stop().await;
}
