//! Rate limits, and files sent several times.

use crate::broker::{Broker, code, said};
use std::time::{Duration, Instant};

fn lines(count: usize) -> String {
    (0..count)
        .map(|i| format!("{{\"userId\":\"u{i}\",\"recordId\":\"1\",\"recordType\":\"movie\",\"value\":7}}\n"))
        .collect()
}

#[test]
fn rate_limit_is_kept_and_printed() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ratings.jsonl");
    std::fs::write(&path, lines(600)).unwrap();
    let started = Instant::now();
    let output = broker.command().arg(&path).args(["--rate", "100"]).output().unwrap();
    assert_eq!(code(&output), 0, "{}", said(&output));
    // The first event is sent immediately, the last 5.99 s later.
    assert!(started.elapsed() >= Duration::from_millis(5_990), "{:?}", started.elapsed());
    assert!(said(&output).contains(" a second of 100"), "{}", said(&output));
    broker.events(600);
}

#[test]
fn repeated_file_is_sent_n_times_and_rejected_lines_are_written_once() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let (path, rejects) = (folder.path().join("ratings.csv"), folder.path().join("rejects.csv"));
    std::fs::write(&path, "userId,movieId,rating\nu1,1,3.5\nu1,1,9.5\nu2,1,5.0\n").unwrap();
    let mut command = broker.command();
    command.arg(&path).args(["--repeat", "3", "--rejects"]).arg(&rejects);
    let output = command.output().unwrap();
    assert_eq!(code(&output), 3, "{}", said(&output));
    assert!(
        said(&output).contains("read 3 times up to line 4: 6 delivered, 3 rejected"),
        "{}",
        said(&output)
    );
    assert_eq!(said(&output).lines().filter(|line| line.starts_with("line ")).count(), 1);
    assert_eq!(std::fs::read_to_string(&rejects).unwrap(), "userId,movieId,rating\nu1,1,9.5\n");
    broker.events(6);
}
