//! Simulated users, sent to a mock cluster.

use crate::broker::{Broker, code, said};
use std::process::{Command, Output};

fn simulate(broker: &Broker, arguments: &[&str]) -> Output {
    let mut command = broker.command();
    command.args(["--simulate", "20", "--records", "50"]).args(arguments);
    command.output().unwrap()
}

#[test]
fn same_seed_sends_same_events() {
    let mut streams = Vec::new();
    for seed in ["7", "7", "8"] {
        let broker = Broker::start();
        let output = simulate(&broker, &["--seed", seed, "--events", "500"]);
        assert_eq!(code(&output), 0, "{}", said(&output));
        assert!(
            said(&output).contains("20 viewers: simulated up to event 500: 500 delivered, 0 rejected"),
            "{}",
            said(&output)
        );
        streams.push(broker.events(500));
    }
    assert_eq!(streams[0], streams[1]);
    assert_ne!(streams[0], streams[2]);
    let (key, json) = &streams[0][0];
    assert!(key.starts_with("movie/") && json.starts_with(r#"{"userId":"viewer-"#), "{key} {json}");
    assert!(streams[0].iter().any(|(_, json)| json.ends_with(r#""eventType":"delete"}"#)));
}

#[test]
fn simulation_continues_until_stopped() {
    let broker = Broker::start();
    let mut command = broker.command();
    let child = command.args(["--simulate", "20", "--rate", "1000"]).spawn().unwrap();
    broker.events(50);
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert!(said(&output).contains("interrupted, simulated up to event "), "{}", said(&output));
}
