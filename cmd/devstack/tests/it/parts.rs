//! One part of the stack alone.

use crate::process::{Process, Stack, devstack, free_port, get};
use std::time::{Duration, Instant};

/// Waits until the server on `port` responds to `path`.
fn answers(port: u16, path: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while get(&format!("127.0.0.1:{port}"), path).is_none_or(|(status, _)| status != 200) {
        assert!(Instant::now() < deadline, "{path} on {port} does not answer");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn service_runs_alone_with_its_own_flags() {
    for (part, flags) in [
        ("metadata", &["--database", "memory:"][..]),
        ("rating", &["--database", "memory:"]),
        ("movie", &["--metadata-url", "http://127.0.0.1:9", "--rating-url", "http://127.0.0.1:9"]),
    ] {
        let port = free_port();
        let mut command = devstack();
        command.args([part, "--registry", "none", "--port", &port.to_string()]).args(flags);
        let process = Process::start(command);
        answers(port, "/readyz");
        assert_eq!(process.stop().code(), Some(0), "{part}");
    }
}

#[test]
fn stack_uses_agent_of_another_process() {
    let port = free_port();
    let mut command = devstack();
    command.args(["agent", "--listen", &format!("127.0.0.1:{port}")]);
    let agent = Process::start(command);
    answers(port, "/ui");

    let data = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let stack = Stack::start(data.path(), &["--consul", &url]);
    assert!(stack.printed.iter().any(|line| line.contains(&format!("{url}/ui"))), "{:?}", stack.printed);
    assert_eq!(stack.get("movie", "/movie?id=1")["metadata"]["title"], "Amélie");
    assert_eq!(stack.stop().code(), Some(0));
    assert_eq!(agent.stop().code(), Some(0));
}
