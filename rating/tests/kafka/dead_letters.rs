//! The topic of dead letters: made, written to whole or cut, and holding all that is poison.

use crate::broker::{Broker, Letter};
use crate::service::{self, Service, wait_for};
use crate::{put, puts};
use rand::RngExt;
use rating::repository::memory;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) async fn the_topic_of_dead_letters_is_made() {
    let broker = Broker::start(1).await;
    assert_eq!(broker.partitions(&broker.dead_letters()), 0);
    let service = Service::start(&broker, Arc::new(memory::Repository::new()));
    wait_for("the topic", || async { broker.partitions(&broker.dead_letters()) > 0 }).await;
    service.stop().await;
}

pub(crate) async fn a_dead_letter_that_is_too_large_is_cut() {
    let broker = Broker::start(1).await;
    broker.create(&broker.dead_letters(), 1, &[("max.message.bytes", "20000")]).await;
    // What can't be compressed.
    let value: Vec<u8> = (0..100_000).map(|_| rand::rng().random()).collect();
    broker.send(None, Some(b"k"), Some(&value));
    broker.produce(&puts(0..1));
    let service = Service::start(&broker, Arc::new(memory::Repository::new()));
    wait_for("the good event", || async { service.events("created") == 1 }).await;
    let letters = broker.read_dead_letters(1);
    assert_eq!(letters[0].headers["cut"], "100000");
    let kept = letters[0].value.as_deref().unwrap();
    assert!(kept.len() > 5_000 && value.starts_with(kept), "{}", kept.len());
    service.stop().await;
}

fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rand::rng().fill(&mut bytes[..]);
    bytes
}

pub(crate) async fn a_dead_letter_whose_key_is_too_large_is_cut() {
    // As large as the topic takes it. As a letter it has headers as well.
    const KEY: usize = 1_048_498;
    let broker = Broker::start(1).await;
    let key = random(KEY);
    broker.send(None, Some(&key), Some(b"{"));
    broker.produce(&puts(0..1));
    let service = Service::start(&broker, Arc::new(memory::Repository::new()));
    wait_for("the good event", || async { service.events("created") == 1 }).await;
    let letter = &broker.read_dead_letters(1)[0];
    assert_eq!(letter.headers["cut-key"], KEY.to_string());
    let kept = letter.key.as_deref().unwrap();
    assert!(kept.len() > KEY / 3 && key.starts_with(kept), "{}", kept.len());
    assert_eq!((letter.value.as_deref(), letter.headers.get("cut")), (Some(&b"{"[..]), None));
    assert_eq!(service.ready(), Ok(()));
    service.stop().await;
}

pub(crate) async fn small_dead_letters_stay_whole_beside_a_large_one() {
    let broker = Broker::start(1).await;
    broker.create(&broker.dead_letters(), 1, &[("max.message.bytes", "20000")]).await;
    // Together in one batch they are too large as well.
    for length in [8_000, 100_000, 8_001, 8_002, 8_003] {
        broker.send(None, None, Some(&random(length)));
    }
    broker.produce(&puts(0..1));
    let service = Service::start(&broker, Arc::new(memory::Repository::new()));
    wait_for("the good event", || async { service.events("created") == 1 }).await;
    let letters = broker.read_dead_letters(5);
    let length = |letter: &Letter| letter.value.as_ref().unwrap().len();
    let mut whole: Vec<_> =
        letters.iter().filter(|letter| !letter.headers.contains_key("cut")).map(length).collect();
    whole.sort_unstable();
    assert_eq!(whole, [8_000, 8_001, 8_002, 8_003]);
    assert!(letters.iter().any(|letter| letter.headers.get("cut").is_some_and(|cut| cut == "100000")));
    service.stop().await;
}

pub(crate) async fn the_topic_of_dead_letters_is_created_again_after_it_was_deleted() {
    let broker = Broker::start(1).await;
    let service = Service::start(&broker, Arc::new(memory::Repository::new()));
    broker.send(None, None, Some(b"first"));
    broker.flush();
    wait_for("the first letter", || async {
        broker.partitions(&broker.dead_letters()) > 0
            && service.events("rejected") == 1
            && service.report().lag == 0
    })
    .await;
    broker.delete_topic(&broker.dead_letters()).await;
    broker.send(None, None, Some(b"second"));
    broker.produce(&puts(0..1));
    wait_for("the good event", || async { service.events("created") == 1 && service.is_ready() }).await;
    assert_eq!(broker.read_dead_letters(1)[0].value.as_deref(), Some(&b"second"[..]));
    service.stop().await;
}

pub(crate) async fn poison_of_every_kind_is_sorted_out() {
    const GOOD: usize = 9_900;
    const RECORDS: usize = 10;
    let large = "x".repeat(1 << 20);
    let unknown = br#"{"userId":"u","recordId":"1","recordType":"movie","value":5,"eventType":"merge"}"#;
    let kinds: [(Option<&[u8]>, &str); 8] = [
        (Some(b"{bad json"), "the value can't be decoded"),
        (
            Some(br#"{"userId":1,"recordId":"1","recordType":"movie","value":5}"#),
            "the value can't be decoded",
        ),
        (Some(br#"{"userId":"u","recordId":"1","recordType":"movie","value":11}"#), "value must be"),
        (Some(br#"{"userId":"","recordId":"1","recordType":"movie","value":5}"#), "user"),
        (Some(unknown), "the value can't be decoded"),
        (Some(b""), "the value can't be decoded"),
        (None, "the value is null"),
        (Some(large.as_bytes()), "the value can't be decoded"),
    ];
    let broker = Broker::start(4).await;
    let mut poison = 0;
    for number in 0..GOOD {
        let (key, value) = put(number, number % RECORDS);
        broker.send(None, Some(key.as_bytes()), Some(value.as_bytes()));
        if number % 99 == 0 {
            broker.send(None, Some(key.as_bytes()), kinds[poison % kinds.len()].0);
            poison += 1;
        }
    }
    broker.flush();
    let repository = Arc::new(memory::Repository::new());
    let service = Service::start(&broker, repository.clone());
    wait_for("all events", || async {
        service.events("created") == GOOD as u64 && service.events("rejected") == poison as u64
    })
    .await;
    for record in 0..RECORDS {
        let expected = (GOOD / RECORDS) as u64;
        assert_eq!(service::aggregate(&*repository, record).await, (expected, expected * 7));
    }
    let letters = broker.read_dead_letters(poison);
    let mut found = BTreeMap::new();
    for letter in &letters {
        let place = (letter.headers["partition"].clone(), letter.headers["offset"].clone());
        assert!(found.insert(place, letter).is_none(), "a letter is there twice");
        assert_eq!(letter.headers["topic"], broker.topic());
    }
    for (kind, (value, reason)) in kinds.iter().enumerate() {
        let of_kind: Vec<_> = letters.iter().filter(|letter| letter.value.as_deref() == *value).collect();
        let sent = (0..poison).filter(|number| number % kinds.len() == kind).count();
        assert_eq!(of_kind.len(), sent, "{reason}");
        for letter in of_kind {
            assert!(letter.headers["reason"].contains(reason), "{} for {reason}", letter.headers["reason"]);
        }
    }
    assert_eq!(service.ready(), Ok(()));
    service.stop().await;
}
