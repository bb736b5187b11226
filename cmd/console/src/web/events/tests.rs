//! Tests of pages that are open for a day.

use super::*;
use crate::config::Config;
use crate::fetch::Fetcher;
use crate::logs::{Level, Record};
use crate::stores::Stores;
use crate::traces::span::Resource;
use crate::web::{Origin, Token};
use serde_json::value::RawValue;
use std::sync::Weak;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

const DAY: u64 = 24 * 3600;

type Sender = watch::Sender<Arc<Latest>>;

fn page() -> (Page, Sender, CancellationToken) {
    let (sender, latest) = watch::channel(Arc::default());
    let stop = CancellationToken::new();
    let config = Config::default();
    let app = App {
        origin: Origin::new(config.listen),
        config,
        token: Token::random(),
        stores: Arc::new(Stores::new()),
        latest: latest.clone(),
        fetcher: Fetcher::new(),
        faults: None,
        pages: Arc::new(Semaphore::new(1)),
        stop: stop.clone(),
    };
    let permit = Arc::clone(&app.pages).try_acquire_owned().unwrap();
    (Page { app: Arc::new(app), latest, last_log: 0, is_first: true, _permit: permit }, sender, stop)
}

/// Publishes an observation and returns a reference by which its end can be seen.
fn publish(sender: &Sender) -> Weak<Latest> {
    let latest = Arc::new(Latest::default());
    let weak = Arc::downgrade(&latest);
    sender.send_replace(latest);
    weak
}

fn log(page: &Page) {
    let record = Record {
        time: 1,
        level: Level::Info,
        resource: Arc::new(Resource { service: "movie".into(), instance: None }),
        message: "a line".into(),
        target: "t".into(),
        attributes: RawValue::from_string("{}".to_owned()).unwrap(),
        trace: None,
        span: None,
    };
    page.app.stores.add_records(vec![record]);
}

#[tokio::test]
async fn page_open_for_a_day_keeps_one_observation() {
    let (mut page, sender, _stop) = page();
    assert_eq!(page.next().await.unwrap().len(), 4);
    let mut previous = publish(&sender);
    for _ in 0..DAY {
        log(&page);
        // Three kinds of state, and the log records.
        assert_eq!(page.next().await.unwrap().len(), 4);
        let current = publish(&sender);
        assert!(previous.upgrade().is_none());
        previous = current;
    }
}

#[tokio::test]
async fn page_that_reads_after_a_day_gets_the_last_observation_only() {
    let (mut page, sender, stop) = page();
    page.next().await.unwrap();
    let mut previous = Weak::new();
    for _ in 0..DAY {
        log(&page);
        let current = publish(&sender);
        assert!(previous.upgrade().is_none());
        previous = current;
    }
    assert_eq!(page.next().await.unwrap().len(), 4);
    assert_eq!(page.last_log, DAY);
    // There is nothing more until the next observation, and nothing at all after the stop.
    assert!(futures::FutureExt::now_or_never(page.next()).is_none());
    stop.cancel();
    assert!(page.next().await.is_none());
}
