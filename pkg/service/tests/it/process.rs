//! The process around a service: signals, exit codes, the log.

use crate::running::{PATIENCE, Running};
use service::{Config, LogFormat};
use std::future::pending;
use std::io::{Error, Read};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::Instant;

/// What the process that [`spawned`] starts is to do, in its environment.
const ROLE: &str = "PROCESS_TEST_ROLE";

/// An exit code can only be seen from outside, a signal only be sent to a process of one's own: the tests run
/// this one with a role.
#[test]
fn a_process_with_a_role() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let config = Config { log_format: Some(LogFormat::Json), ..Config::for_tests() };
    service::telemetry(&config);
    service::telemetry(&config);
    let code = service::block_on(|stop| async move {
        eprintln!("running");
        match role.as_str() {
            "stops" => stop.cancelled().await,
            "hangs" => pending().await,
            "answers" => answer().await,
            _ => return Err(Error::other(discovery::Error::new(fault::Kind::Internal, "no disk"))),
        }
        Ok(())
    });
    std::process::exit(if code == ExitCode::SUCCESS { 0 } else { 1 });
}

async fn answer() {
    let running = Running::start().await;
    let (client, http2) = (running.client(), running.http2());
    client.get("/broken?x=1").await;
    client.get("/panic").await;
    client.get("/nowhere").await;
    http2.call("/small.v1.Small/Broken", &[]).await;
    http2.call("/small.v1.Small/Panic", &[]).await;
    http2.call("/small.v1.Small/Left", &[]).await;
    running.stop().await;
}

/// Starts a process with `role` and waits until it runs.
fn spawned(role: &str) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["process::a_process_with_a_role", "--exact", "--nocapture"])
        .env(ROLE, role)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    says(&mut child, "running");
    child
}

/// Reads what the process logs, up to `text`.
fn says(child: &mut Child, text: &str) -> String {
    let mut said = String::new();
    let mut byte = [0];
    let log = child.stderr.as_mut().unwrap();
    while !said.contains(text) {
        assert_eq!(log.read(&mut byte).unwrap(), 1, "{text} is not in {said}");
        said.push(char::from(byte[0]));
    }
    said
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", child.id())]).status().unwrap();
    assert!(sent.success());
}

fn ended(mut child: Child) -> (ExitStatus, String) {
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(began.elapsed() < PATIENCE, "the process does not end");
        std::thread::sleep(std::time::Duration::from_millis(10));
    };
    let mut rest = String::new();
    child.stderr.unwrap().read_to_string(&mut rest).unwrap();
    (status, rest)
}

#[test]
fn a_service_that_is_asked_to_stop_exits_with_0() {
    for name in ["TERM", "INT"] {
        let child = spawned("stops");
        signal(&child, name);
        let (status, log) = ended(child);
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(log.contains(&format!("SIG{name}")), "{log}");
    }
}

#[test]
fn a_failure_exits_with_1_and_is_told_once_with_its_causes() {
    let (status, log) = ended(spawned("fails"));
    assert_eq!(status.code(), Some(1), "{log}");
    assert_eq!(log.matches("no disk").count(), 1, "{log}");
    let line: serde_json::Value = serde_json::from_str(log.trim()).unwrap();
    assert_eq!(line["level"], "ERROR");
}

#[test]
fn a_second_signal_ends_a_service_that_hangs() {
    let mut child = spawned("hangs");
    signal(&child, "INT");
    says(&mut child, "stopping");
    signal(&child, "INT");
    let (status, log) = ended(child);
    assert_eq!(status.code(), Some(1), "{log}");
}

#[test]
fn what_callers_are_not_told_is_logged_once_with_the_path() {
    let (status, log) = ended(spawned("answers"));
    assert_eq!(status.code(), Some(0), "{log}");
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut told: Vec<_> = lines
        .filter(|line| line["level"] == "ERROR")
        .map(|line| format!("{} {}", line["path"].as_str().unwrap(), line["cause"].as_str().unwrap()))
        .collect();
    told.sort();
    let expected = [
        "/broken the secret table is locked",
        "/panic a handler panicked: the handler's secret",
        "/small.v1.Small/Broken the secret table is locked",
        "/small.v1.Small/Panic a handler panicked: the method's secret",
    ];
    assert_eq!(told, expected, "{log}");
}
