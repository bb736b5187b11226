//! Files and standard input, sent to a mock cluster.

use crate::broker::{Broker, code, feed, program, said};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn run(broker: &Broker, path: &Path) -> Output {
    broker.command().arg(path).output().unwrap()
}

#[cfg(not(feature = "kafka-tls"))]
#[test]
fn setting_that_needs_tls_is_exit_2_and_names_the_feature() {
    for option in ["security.protocol=SASL_SSL", "sasl.mechanisms=SCRAM-SHA-512"] {
        let output = program().args(["--kafka-option", option]).output().unwrap();
        assert_eq!(code(&output), 2, "{}", said(&output));
        assert!(said(&output).contains("cargo feature kafka-tls"), "{}", said(&output));
    }
}

#[test]
fn every_format_produces_same_events() {
    let folder = tempfile::tempdir().unwrap();
    let one = r#"{"userId":"u1","recordId":"1","recordType":"movie","value":7,"providerId":"p"}"#;
    let two = r#"{"userId":"u2","recordId":"2","recordType":"movie","value":3,"providerId":"p"}"#;
    let expected = [("movie/1".to_owned(), one.to_owned()), ("movie/2".to_owned(), two.to_owned())];
    for (name, text) in [
        ("ratings.jsonl", format!("{one}\r\n\n{two}")),
        ("ratings.json", format!("[\n  {one},\n  {two}\n]\n")),
        (
            "ratings.csv",
            "userId,recordId,recordType,value,providerId\r\nu1,1,movie,7,p\r\nu2,2,movie,3,p\r\n".into(),
        ),
    ] {
        let broker = Broker::start();
        let path = folder.path().join(name);
        std::fs::write(&path, &text).unwrap();
        let output = run(&broker, &path);
        assert_eq!(code(&output), 0, "{name}: {}", said(&output));
        assert_eq!(broker.events(2), expected, "{name}");
        let output = feed(broker.command(), &text);
        assert_eq!(code(&output), 0, "{name} on standard input: {}", said(&output));
        broker.events(4);
        let output = feed(broker.command(), &format!("\u{feff}{text}"));
        assert_eq!(code(&output), 0, "{name} with a byte order mark: {}", said(&output));
        broker.events(6);
    }
}

#[test]
fn byte_order_mark_on_later_line_is_rejected_by_name() {
    let broker = Broker::start();
    let event = r#"{"userId":"u","recordId":"1","recordType":"movie","value":7}"#;
    let output = feed(broker.command(), &format!("\u{feff}{event}\n\u{feff}{event}\n{event}\n"));
    assert_eq!(code(&output), 3, "{}", said(&output));
    assert!(said(&output).contains("line 2: begins with a byte order mark"), "{}", said(&output));
    broker.events(2);
}

#[test]
fn rejected_lines_are_printed_and_written_and_never_stop_the_run() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let rejects = folder.path().join("rejects.csv");
    let mut input = "userId,movieId,rating,timestamp\n".to_owned();
    for i in 0..50 {
        input.push_str(&format!("u{i},1,{},100\n", if i % 2 == 0 { "3.5" } else { "9.5" }));
    }
    let mut command = broker.command();
    command.arg("-").arg("--rejects").arg(&rejects);
    let output = feed(command, &input);
    assert_eq!(code(&output), 3, "{}", said(&output));
    let said = said(&output);
    assert!(said.contains("line 3: rating must be 0.5 to 5.0 in steps of 0.5, not \"9.5\""), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("line ")).count(), 20, "{said}");
    assert!(said.contains("read up to line 51: 25 delivered, 25 rejected"), "{said}");
    broker.events(25);
    let kept = std::fs::read_to_string(&rejects).unwrap();
    assert_eq!(kept.lines().count(), 26);
    assert!(kept.starts_with("userId,movieId,rating,timestamp\nu1,1,9.5,100\n"), "{kept}");
}

#[test]
fn event_too_large_for_broker_is_rejected_line() {
    let broker = Broker::start();
    let quotes = "\\\"".repeat(128);
    let long = format!(
        r#"{{"userId":"{quotes}","recordId":"{quotes}","recordType":"movie","value":7,"providerId":"{quotes}"}}"#
    );
    let good = r#"{"userId":"u","recordId":"1","recordType":"movie","value":7}"#;
    let mut command = broker.command();
    command.args(["--kafka-option", "message.max.bytes=1000"]);
    let output = feed(command, &format!("{long}\n{good}\n"));
    assert_eq!(code(&output), 3, "{}", said(&output));
    assert!(said(&output).contains("line 1: "), "{}", said(&output));
    broker.events(1);
}

#[test]
fn interrupted_run_flushes_events_and_prints_its_progress() {
    let broker = Broker::start();
    let mut child: Child = broker.command().args(["--format", "jsonl"]).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    for i in 0..100 {
        writeln!(input, r#"{{"userId":"u{i}","recordId":"1","recordType":"movie","value":7}}"#).unwrap();
    }
    input.flush().unwrap();
    broker.events(100);
    // The input stays open: only the signal ends the run.
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert!(said(&output).contains("interrupted, read up to line 100: 100 delivered"), "{}", said(&output));
    drop(input);
}

#[test]
fn unreachable_brokers_are_reported_within_bounded_time() {
    let started = Instant::now();
    let mut command = program();
    command.args(["--kafka", "127.0.0.1:1"]);
    let output = feed(command, "");
    assert_eq!(code(&output), 1, "{}", said(&output));
    assert!(said(&output).contains("no Kafka broker at 127.0.0.1:1 can be reached"), "{}", said(&output));
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn bad_arguments_exit_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.csv");
    std::fs::write(&file, "userId,movieId,rating\n").unwrap();
    let file = file.to_str().unwrap();
    for (arguments, named) in [
        (vec!["--format", "xml"], "--format"),
        (vec!["--kafka-option", "x"], "--kafka-option"),
        (vec!["--kafka-option", "no.such.option=1"], "no.such.option"),
        (vec!["/no/such/file"], "/no/such/file"),
        (vec![file, "--rejects", file], "overwritten"),
        (vec!["--repeat", "2"], "--repeat"),
        (vec!["-", "--repeat", "2"], "--repeat"),
        (vec![file, "--repeat", "0"], "--repeat"),
        (vec![file, "--rate", "0"], "--rate"),
        (vec![file, "--rate", "0.5"], "--rate"),
        (vec![file, "--simulate", "5"], "--simulate"),
        (vec!["--simulate", "0"], "--simulate"),
        (vec!["--simulate", "5", "--repeat", "2"], "--repeat"),
        (vec!["--simulate", "5", "--format", "csv"], "--format"),
        (vec!["--simulate", "5", "--rejects", "/tmp/x"], "--rejects"),
        (vec!["--simulate", "5", "--records", "0"], "--records"),
        (vec![file, "--seed", "5"], "--seed"),
        (vec!["--seed", "5"], "--simulate"),
        (vec!["--format", "csv", "--events", "5"], "--events"),
        (vec!["--records", "5"], "--simulate"),
        (vec![file, "--verify", "rating:8082"], "--verify"),
        (vec![file, "--verify", "https://rating"], "--verify"),
        (vec![file, "--verify", "http://rating/v1"], "--verify"),
        (vec![file, "--verify-timeout", "5s"], "--verify"),
        (vec![file, "--verify", "http://rating", "--verify-timeout", "5"], "--verify-timeout"),
        (vec![file, "--rejects", "/no/such/folder/x"], "--rejects"),
    ] {
        let output = program().args(&arguments).stdin(Stdio::null()).output().unwrap();
        assert_eq!(code(&output), 2, "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(named), "{arguments:?}: {}", said(&output));
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), "userId,movieId,rating\n");
}

#[test]
fn file_without_known_header_is_an_error() {
    let broker = Broker::start();
    let output = feed(broker.command(), "1,70,3.5,964982400\n");
    assert_eq!(code(&output), 1, "{}", said(&output));
    assert!(said(&output).contains("line 1 is not a known header"), "{}", said(&output));
}

#[test]
fn unread_standard_error_does_not_delay_the_run() {
    let broker = Broker::start();
    // As much as a pipe takes.
    let (_unread, mut full) = std::io::pipe().unwrap();
    full.write_all(&[b' '; 64 * 1024]).unwrap();
    let mut command = broker.command();
    command.args(["--simulate", "5", "--events", "100"]).stderr(full);
    let mut child = command.spawn().unwrap();
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(0));
    broker.events(100);
}
