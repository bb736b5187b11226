//! The program: exit codes and output.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

fn agent(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent"));
    command.args(arguments).env_remove("RUST_LOG").env_remove("AGENT_LISTEN").env_remove("AGENT_TOKEN");
    command.env("AGENT_DNS_LISTEN", "none");
    command
}

fn ended(arguments: &[&str]) -> (i32, String) {
    let Output { status, stderr, .. } = agent(arguments).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn port_in_use_is_reported_and_exits_with_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, text) = ended(&["--listen", &address]);
    assert_eq!(code, 1);
    assert!(text.contains(&format!("the agent can't listen on {address}")), "{text}");
}

#[test]
fn configured_dns_address_in_use_is_reported_and_exits_with_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, text) = ended(&["--listen", "127.0.0.1:0", "--dns-listen", &address]);
    assert_eq!(code, 1);
    assert!(text.contains(&format!("the agent can't serve DNS on {address}")), "{text}");
}

#[test]
fn invalid_arguments_exit_with_2_and_name_flag() {
    for arguments in
        [&["--listen", "8500"][..], &["--dns-listen", "8600"], &["--deregister-floor", "10"], &["--nope"]]
    {
        let (code, text) = ended(arguments);
        assert_eq!(code, 2, "{text}");
        assert!(text.contains(arguments[0]), "{text}");
    }
}

#[test]
fn agent_logs_its_address_and_stops_on_request() {
    let mut running = agent(&["--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(running.stderr.take().unwrap());
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    assert!(line.contains("http://127.0.0.1:") && line.contains("/ui"), "{line}");
    let kill = Command::new("kill").args(["-TERM", &running.id().to_string()]).status().unwrap();
    assert!(kill.success());
    assert_eq!(running.wait().unwrap().code(), Some(0));
    log.read_to_string(&mut line).unwrap();
    assert!(line.contains("stopping"), "{line}");
}
