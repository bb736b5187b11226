//! The command line: accepted and rejected arguments.

use clap::Parser;
use service::{Config, RegistryKind};
use std::process::Command;
use std::time::Duration;

const LISTEN: &str = "127.0.0.1:8081";

#[derive(Debug, Parser)]
#[command(mut_arg("listen", |arg| arg.default_value(LISTEN)))]
struct Small {
    #[command(flatten)]
    service: Config,
    /// A flag of the service's own
    #[arg(long)]
    database: Option<String>,
}

fn parsed(arguments: &[&str]) -> Result<Config, clap::Error> {
    let arguments = ["small"].iter().chain(arguments);
    Small::try_parse_from(arguments).map(|small| small.service)
}

#[test]
fn defaults_are_those_in_help() {
    let config = parsed(&[]).unwrap();
    assert_eq!(config.listen.to_string(), LISTEN);
    assert_eq!(config.registry, RegistryKind::Consul);
    assert_eq!(config.consul, "http://127.0.0.1:8500");
    assert_eq!(config.drain_timeout, Duration::from_secs(10));
    assert_eq!(config.request_timeout, Duration::from_secs(2));
    assert_eq!(config.body_timeout, Duration::from_secs(30));
    assert_eq!(config.keep_alive, Duration::from_secs(75));
    assert_eq!(config.workers, std::thread::available_parallelism().unwrap().get());

    let help = Small::try_parse_from(["small", "--help"]).unwrap_err();
    assert_eq!(help.exit_code(), 0);
    let help = help.to_string();
    for expected in [
        "--listen <ADDR:PORT>",
        LISTEN,
        "--port",
        "--advertise <HOST:PORT>",
        "--registry",
        "CONSUL_HTTP_ADDR",
        "CONSUL_HTTP_TOKEN",
        "WORKERS",
        "DRAIN_TIMEOUT",
        "KEEP_ALIVE",
        "[default: 75s]",
        "DRAIN_DELAY",
        "[under Kubernetes: 5s]",
        "REQUEST_TIMEOUT",
        "BODY_TIMEOUT",
        "LOG_FORMAT",
        "RUST_LOG",
        "[default: 10s]",
        "- consul: Consul, or",
        "--database",
    ] {
        let flat = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(expected), "{expected} is not in\n{help}");
    }
}

#[test]
fn flags_are_read() {
    let config = parsed(&[
        "--port=0",
        "--advertise=host:9000",
        "--registry=none",
        "--workers=3",
        "--keep-alive=2m",
        "--drain-delay=3s",
        "--drain-timeout=500ms",
        "--request-timeout=1m",
        "--body-timeout=90s",
    ])
    .unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:0");
    assert_eq!(config.advertise.unwrap().to_string(), "host:9000");
    assert_eq!(config.registry, RegistryKind::None);
    assert_eq!(config.workers, 3);
    assert_eq!(config.keep_alive, Duration::from_secs(120));
    assert_eq!(config.drain_delay, Duration::from_secs(3));
    assert_eq!(config.drain_timeout, Duration::from_millis(500));
    assert_eq!(config.request_timeout, Duration::from_secs(60));
    assert_eq!(config.body_timeout, Duration::from_secs(90));
}

#[test]
fn invalid_argument_prints_flag_value_and_accepted_values() {
    for (arguments, expected) in [
        (&["--listen=8081"][..], ["8081", "--listen", "127.0.0.1:8081"]),
        (&["--port=65536"], ["65536", "--port", "65535"]),
        (&["--advertise=host"], ["host", "--advertise", "a host and a port"]),
        (&["--registry=zookeeper"], ["zookeeper", "--registry", "consul, memory, none"]),
        (&["--consul=ftp://x"], ["ftp://x", "--consul", "http"]),
        (&["--workers=0"], ["0", "--workers", "from 1 to 1024"]),
        (&["--drain-timeout=5"], ["5", "--drain-timeout", "500ms, 2s or 1m"]),
        (&["--drain-timeout=-1s"], ["'-1s'", "--drain-timeout", "500ms, 2s or 1m"]),
        (&["--drain-timeout=1e9s"], ["1e9s", "--drain-timeout", "500ms, 2s or 1m"]),
        (&["--drain-timeout=99999999999999h"], ["99999999999999h", "--drain-timeout", "at most 365d"]),
        (&["--consul=", "--registry=none"], ["''", "--consul", "http://HOST:PORT"]),
        (&["--consul=http://host:99999"], ["http://host:99999", "--consul", "http://HOST:PORT"]),
        (&["--listen=localhost:80"], ["localhost:80", "--listen", "127.0.0.1:8081"]),
        (&["--listen=127.0.0.1:-1"], ["127.0.0.1:-1", "--listen", "127.0.0.1:8081"]),
        (&["--port=-1"], ["-1", "--port", "65535"]),
        (&["--advertise=host:0"], ["host:0", "--advertise", "a host and a port above 0"]),
        (&["--workers=-1"], ["-1", "--workers", "from 1 to 1024"]),
        (&["--drain-delay=5"], ["5", "--drain-delay", "500ms, 2s or 1m"]),
        (&["--keep-alive=0s"], ["0s", "--keep-alive", "above 0"]),
        (&["--request-timeout=0s"], ["0s", "--request-timeout", "above 0"]),
        (&["--body-timeout=0s"], ["0s", "--body-timeout", "above 0"]),
        (&["--log-format=xml"], ["xml", "--log-format", "text, json"]),
        (&["--log=service=loud"], ["service=loud", "--log", "target=level"]),
        (&["--listen=0.0.0.0:80"], ["0.0.0.0:80", "--listen", "--advertise"]),
        (&["--listen=127.0.0.1:1", "--port=2"], ["--port", "cannot be used with", "--listen"]),
    ] {
        let error = parsed(arguments).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{arguments:?}");
        let text = error.to_string();
        for part in expected {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(text.contains("Usage: small") || text.contains("--help"), "{text}");
    }
}

#[test]
fn wildcard_address_is_accepted_with_advertise_or_without_registry() {
    assert!(parsed(&["--listen=0.0.0.0:80", "--advertise=host:80"]).is_ok());
    assert!(parsed(&["--listen=[::]:80", "--registry=none"]).is_ok());
}

/// Variables can only be set for another process: the test starts itself with them.
#[test]
fn variables_are_read_and_flags_take_precedence() {
    if let Ok(port) = std::env::var("ARGUMENTS_TEST_PORT") {
        let config = parsed(&["--workers=5", &format!("--port={port}")]).unwrap();
        assert_eq!(config.listen.to_string(), format!("127.0.0.1:{port}"));
        assert_eq!(config.workers, 5);
        assert_eq!(config.registry, RegistryKind::Memory);
        assert_eq!(config.consul_token, None);
        assert_eq!(config.log, "warn");
        assert_eq!(parsed(&[]).unwrap().listen.to_string(), "10.0.0.7:99");
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["arguments::variables_are_read_and_flags_take_precedence", "--exact"])
        .envs([
            ("ARGUMENTS_TEST_PORT", "4321"),
            ("LISTEN", "10.0.0.7:99"),
            ("WORKERS", "2"),
            ("REGISTRY", "memory"),
            ("CONSUL_HTTP_TOKEN", ""),
            ("RUST_LOG", "warn"),
        ])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn drain_delay_is_longer_under_kubernetes_unless_set() {
    if let Ok(expected) = std::env::var("ARGUMENTS_TEST_DELAY") {
        let expected = service::duration(&expected).unwrap();
        assert_eq!(parsed(&[]).unwrap().drain_delay, expected);
        return;
    }
    let kubernetes = ("KUBERNETES_SERVICE_HOST", "10.96.0.1");
    for (variables, expected) in
        [(&[][..], "0s"), (&[kubernetes], "5s"), (&[kubernetes, ("DRAIN_DELAY", "1s")], "1s")]
    {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["arguments::drain_delay_is_longer_under_kubernetes_unless_set", "--exact"])
            .env_remove(kubernetes.0)
            .env("ARGUMENTS_TEST_DELAY", expected)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }
}
