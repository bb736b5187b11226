//! The process around a service: signals, exit codes, the log.

use crate::running::{Caller, PATIENCE, Running, soon};
use service::{Config, LogFormat};
use std::future::pending;
use std::io::{BufRead, BufReader, Error, Read};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// The environment variable with the task of the process that [`spawned`] starts.
const ROLE: &str = "PROCESS_TEST_ROLE";

/// The sample of the access log of that process.
const ACCESS: &str = "PROCESS_TEST_ACCESS";

/// An exit code is visible only from outside, and a signal needs a separate process: the tests run
/// this one with a role.
#[test]
fn process_with_role() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let log = std::env::var("RUST_LOG").unwrap_or_else(|_| Config::for_tests().log);
    let sample = std::env::var(ACCESS).ok().map(|sample| sample.parse().unwrap());
    let config = Config {
        log_format: Some(LogFormat::Json),
        log,
        access_log: sample.is_some(),
        access_log_sample: sample.unwrap_or(1.0),
        ..Config::for_tests()
    };
    service::telemetry(&config);
    service::telemetry(&config);
    let code = service::block_on(1, |stop| async move {
        eprintln!("running");
        match role.as_str() {
            "stops" => stop.cancelled().await,
            "hangs" => pending().await,
            "answers" => answer().await,
            "serves" => serve(config, stop).await,
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

#[expect(clippy::print_stdout, reason = "the test reads the address there")]
async fn serve(config: Config, stop: CancellationToken) {
    let running = Running::with(config).await;
    println!("address {}", running.address);
    stop.cancelled().await;
    running.stop().await;
}

/// Returns the command that runs this program with `role`.
fn with_role(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["process::process_with_role", "--exact", "--nocapture"]).env(ROLE, role);
    command.env_remove("RUST_LOG").env_remove("RUST_BACKTRACE");
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Starts a process with `role` and waits until it runs.
fn spawned(role: &str) -> Child {
    let mut child = with_role(role).spawn().unwrap();
    says(&mut child, "running");
    child
}

/// Starts a service whose log is filtered by `log`; returns clients of both versions of HTTP.
fn serving(log: &str) -> (Child, Caller, Caller) {
    serving_with(log, &[])
}

/// Starts a service like [`serving`], with more environment variables.
pub(crate) fn serving_with(log: &str, variables: &[(&str, &str)]) -> (Child, Caller, Caller) {
    let mut command = with_role("serves");
    let mut child =
        command.env("RUST_LOG", log).envs(variables.iter().copied()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let address = lines.find_map(|line| Some(line.unwrap().split_once("address ")?.1.parse().unwrap()));
    let address = address.unwrap();
    (child, Caller::to(address), Caller::http2_to(address))
}

/// Returns the value of a metric without labels.
async fn metric(client: &Caller, name: &str) -> u64 {
    let metrics = client.get("/metrics").await;
    let line = metrics.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {}", metrics.text())).parse().unwrap()
}

/// Reads the process's log, up to `text`.
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

pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", child.id())]).status().unwrap();
    assert!(sent.success());
}

pub(crate) fn ended(mut child: Child) -> (ExitStatus, String) {
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
fn stopped_service_exits_with_0() {
    for name in ["TERM", "INT"] {
        let child = spawned("stops");
        signal(&child, name);
        let (status, log) = ended(child);
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(log.contains(&format!("SIG{name}")), "{log}");
    }
}

#[test]
fn failure_exits_with_1_and_is_logged_once_with_causes() {
    let (status, log) = ended(spawned("fails"));
    assert_eq!(status.code(), Some(1), "{log}");
    assert_eq!(log.matches("no disk").count(), 1, "{log}");
    let line: serde_json::Value = serde_json::from_str(log.trim()).unwrap();
    assert_eq!(line["level"], "ERROR");
}

#[test]
fn second_signal_ends_hanging_service() {
    let mut child = spawned("hangs");
    signal(&child, "INT");
    says(&mut child, "stopping");
    signal(&child, "INT");
    let (status, log) = ended(child);
    assert_eq!(status.code(), Some(1), "{log}");
}

#[test]
fn hidden_cause_is_logged_once_with_path() {
    let (status, log) = ended(spawned("answers"));
    assert_eq!(status.code(), Some(0), "{log}");
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut told: Vec<_> = lines
        .filter(|line| line["level"] == "ERROR")
        .map(|line| format!("{} {}", line["path"].as_str().unwrap(), cause(&line)))
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

/// Returns the cause of a failure, without the place of a panic.
fn cause(line: &serde_json::Value) -> &str {
    let cause = line["cause"].as_str().unwrap();
    cause.split_once(", at ").map_or(cause, |(cause, _)| cause)
}

/// Makes the service log until lines are dropped; each request must be served.
async fn fill(rest: &Caller, http2: &Caller) {
    let before = metric(rest, "log_lines_dropped_total").await;
    let began = Instant::now();
    while metric(rest, "log_lines_dropped_total").await == before {
        assert!(began.elapsed() < PATIENCE * 4, "no line is dropped");
        for _ in 0..100 {
            assert_eq!(http2.get("/greet/x").await.text(), "hello x");
        }
    }
}

#[tokio::test]
async fn unread_log_delays_neither_requests_nor_shutdown() {
    let (mut child, rest, http2) = serving("info,h2=trace");
    fill(&rest, &http2).await;
    // Panics are logged too.
    assert_eq!(rest.get("/panic").await.problem(500, "/panic"), "Internal");
    assert_eq!(rest.get("/broken").await.problem(503, "/broken"), "Unavailable");
    let reading = tokio::task::spawn_blocking(move || {
        let mut lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("log lines were dropped")));
        child
    });
    let child = soon(reading).await.unwrap();
    fill(&rest, &http2).await;
    signal(&child, "TERM");
    let began = Instant::now();
    let (status, _) = tokio::task::spawn_blocking(|| ended(child)).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(began.elapsed() < PATIENCE);
}

#[tokio::test]
async fn caller_can_not_fill_the_log() {
    let (child, rest, http2) = serving("info");
    for _ in 0..200 {
        assert_eq!(rest.get("/broken").await.problem(503, "/broken"), "Unavailable");
        assert_eq!(http2.get("/panic").await.problem(500, "/panic"), "Internal");
    }
    assert!(metric(&rest, "log_lines_suppressed_total").await > 0);
    signal(&child, "TERM");
    let output = soon(tokio::task::spawn_blocking(|| child.wait_with_output())).await.unwrap().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert!(log.contains("suppressed"), "{log}");
    assert!(log.contains("stopped"), "{log}");
    for line in log.lines().filter(|line| !line.starts_with("running")) {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}
