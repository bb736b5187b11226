//! Replay of dead letters against a mock cluster.

use crate::broker::{Broker, code, program, said};
use std::process::Output;

const GOOD: &str = r#"{"userId":"u","recordId":"1","recordType":"movie","value":7,"extra":1}"#;
const BAD: &str = r#"{"userId":"u","recordId":"1","recordType":"movie","value":11}"#;

fn replay(broker: &Broker, arguments: &[&str]) -> Output {
    broker.command().args(["replay", "--from", "ratings.dlq"]).args(arguments).output().unwrap()
}

fn letters() -> Broker {
    let broker = Broker::start();
    broker.put("ratings.dlq", Some(GOOD), &[("topic", "ratings"), ("partition", "1"), ("offset", "5")]);
    broker.put("ratings.dlq", Some(BAD), &[("topic", "ratings"), ("partition", "0")]);
    broker.put("ratings.dlq", Some(&GOOD[..20]), &[("topic", "ratings"), ("cut", "70")]);
    broker.put("ratings.dlq", None, &[("topic", "ratings")]);
    broker.put("ratings.dlq", Some(GOOD), &[]);
    broker
}

#[test]
fn valid_letters_are_sent_unchanged_and_the_rest_is_printed_and_written() {
    let broker = letters();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("left.jsonl");
    let output = replay(&broker, &["--out", out.to_str().unwrap()]);
    assert_eq!(code(&output), 3, "{}", said(&output));
    let said = said(&output);
    assert!(said.contains("ratings.dlq: 5 letters read, 1 replayed, 4 skipped"), "{said}");
    for reason in [
        "value must be a whole number from 1 to 10, not 11",
        "its value was truncated",
        "it has no value",
        "it has no header with its original topic",
    ] {
        assert!(said.contains(reason), "{reason}: {said}");
    }
    assert!(said.contains("ratings.dlq partition 0 offset 1: value"), "{said}");
    assert_eq!(broker.events(1), [("key".to_owned(), GOOD.to_owned())]);
    assert_eq!(broker.ends("ratings"), [0, 1], "it goes back into its own partition");
    assert_eq!(std::fs::read_to_string(&out).unwrap(), format!("{BAD}\n{GOOD}\n"));
}

#[test]
fn replay_without_group_tries_all_letters_each_time() {
    let broker = Broker::start();
    broker.put("ratings.dlq", Some(GOOD), &[("topic", "ratings")]);
    for count in 1..=2 {
        let output = replay(&broker, &[]);
        assert_eq!(code(&output), 0, "{}", said(&output));
        broker.events(count);
    }
}

#[test]
fn replay_with_group_tries_each_letter_once() {
    let broker = letters();
    let output = replay(&broker, &["--group", "ratings.dlq.replay"]);
    assert_eq!(code(&output), 3, "{}", said(&output));
    let output = replay(&broker, &["--group", "ratings.dlq.replay"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert!(said(&output).contains("ratings.dlq: 0 letters read"), "{}", said(&output));
    broker.put("ratings.dlq", Some(GOOD), &[("topic", "ratings")]);
    let output = replay(&broker, &["--group", "ratings.dlq.replay"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert!(
        said(&output).contains("ratings.dlq: 1 letters read, 1 replayed, 0 skipped"),
        "{}",
        said(&output)
    );
    broker.events(2);
}

#[test]
fn protobuf_letter_keeps_content_type() {
    let broker = Broker::start();
    // user_id u, record_id 1, record_type movie, value 7.
    let event = "\x0a\x01u\x12\x011\x1a\x05movie\x20\x07";
    let headers = [("content-type", "application/x-protobuf"), ("topic", "ratings")];
    broker.put("ratings.dlq", Some(event), &headers);
    let output = replay(&broker, &[]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert_eq!(broker.events(1)[0].1, event);
    assert_eq!(broker.content_types(1), ["application/x-protobuf"]);
}

#[test]
fn unknown_topic_and_invalid_arguments_are_reported() {
    let broker = Broker::start();
    let output = broker.command().args(["replay", "--from", "nothing"]).output().unwrap();
    assert_eq!(code(&output), 1, "{}", said(&output));
    assert!(said(&output).contains("topic nothing at "), "{}", said(&output));
    for (arguments, named) in [
        (vec!["replay", "--kafka-topic", "x"], "--kafka-topic"),
        (vec!["replay", "--kafka-option", "x"], "--kafka-option"),
        (vec!["--rate", "5", "replay"], "replay"),
        (vec!["replay", "--out", "/no/such/folder/x"], "--out"),
    ] {
        let output = program().args(&arguments).output().unwrap();
        assert_eq!(code(&output), 2, "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(named), "{arguments:?}: {}", said(&output));
    }
}
