//! The container files, checked against the programs that they start.

use crate::process::devstack;
use serde_json::Value;

const COMPOSE: &str = include_str!("../../../../docker-compose.yml");
const DOCKERFILE: &str = include_str!("../../../../Dockerfile");
const WORKSPACE: &str = include_str!("../../../../Cargo.toml");
const SERVICES: [&str; 3] = ["metadata", "rating", "movie"];

/// Containers whose image has no program that could check them.
const UNCHECKED: [&str; 1] = ["collector"];

/// The variables read by the image itself; no service reads them.
const HEALTH_URL: &str = "HEALTH_URL";

fn compose() -> Value {
    serde_saphyr::from_str(COMPOSE).unwrap()
}

/// Returns the flag of `command` that reads `variable`.
fn flag(command: &clap::Command, variable: &str) -> String {
    let reads = |arg: &&clap::Arg| arg.get_env().is_some_and(|name| name == variable);
    let arg = command.get_arguments().find(reads);
    let long = arg.and_then(clap::Arg::get_long);
    format!("--{}", long.unwrap_or_else(|| panic!("{} does not know {variable}", command.get_name())))
}

/// Parses what the file gives the service as `C`, each variable as its flag.
fn read<C: clap::Parser>(service: &str) {
    let compose = compose();
    let described = &compose["services"][service];
    let mut line: Vec<String> =
        described["command"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap().to_owned()).collect();
    assert_eq!(line[0], service);
    let variables = described["environment"].as_object().unwrap();
    for (variable, value) in variables.iter().filter(|(variable, _)| *variable != HEALTH_URL) {
        let flag = flag(&C::command(), variable);
        // Without a value, compose passes on its own environment.
        if !value.is_null() {
            line.push(format!("{flag}={}", value.as_str().unwrap()));
        }
    }
    assert!(line.len() > 4, "{line:?}");
    if let Err(error) = C::try_parse_from(&line) {
        panic!("{service} refuses {line:?}: {error}");
    }
}

#[test]
fn service_accepts_every_flag_and_variable_that_compose_sets() {
    read::<metadata::Config>("metadata");
    read::<rating::Config>("rating");
    read::<movie::Config>("movie");
}

#[test]
fn help_lists_every_variable_that_compose_sets() {
    let compose = compose();
    for service in SERVICES {
        let help = devstack().args([service, "--help"]).output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        let variables = compose["services"][service]["environment"].as_object().unwrap();
        for variable in variables.keys().filter(|variable| *variable != HEALTH_URL) {
            assert!(help.contains(&format!("[env: {variable}")), "{service} --help lacks {variable}");
        }
    }
}

#[test]
fn image_has_every_program_and_the_compiler_version() {
    for (folder, program) in [
        ("metadata", "metadata"),
        ("rating", "rating"),
        ("movie", "movie"),
        ("cmd/agent", "agent"),
        ("cmd/ratingingester", "ratingingester"),
        ("cmd/devstack", "devstack"),
    ] {
        assert!(WORKSPACE.contains(&format!("\"{folder}\"")), "{folder}");
        assert!(DOCKERFILE.contains(&format!("target/dist/{program}")), "{program}");
    }
    let toolchain = include_str!("../../../../rust-toolchain.toml");
    let version =
        toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap().trim_matches('"');
    assert!(DOCKERFILE.contains(&format!("rust:{version}-")), "{version}");
}

#[test]
fn every_image_is_pinned_and_every_container_is_checked_and_restarted() {
    for (name, service) in compose()["services"].as_object().unwrap() {
        assert_eq!(service["restart"], "unless-stopped", "{name}");
        let ours = SERVICES.contains(&name.as_str());
        if !ours {
            let image = service["image"].as_str().unwrap();
            let (_, version) = image.split_once(':').unwrap();
            assert!(version.contains('.'), "{name} is not pinned: {image}");
            let test = service["healthcheck"]["test"].as_array().unwrap_or_else(|| panic!("{name}"));
            assert_eq!(test[0] == "NONE", UNCHECKED.contains(&name.as_str()), "{name}");
        } else {
            let waited = service["depends_on"].as_object().unwrap();
            assert!(waited.values().all(|on| on["condition"] == "service_healthy"), "{name}");
        }
    }
    assert!(DOCKERFILE.contains("HEALTHCHECK"));
    assert!(DOCKERFILE.contains("USER marquee"));
}

#[test]
fn every_published_port_is_on_loopback_and_every_mounted_path_exists() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (name, service) in compose()["services"].as_object().unwrap() {
        for port in service["ports"].as_array().into_iter().flatten() {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name}: {port}");
        }
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let (source, _) = volume.as_str().unwrap().split_once(':').unwrap();
            assert!(!source.starts_with("./") || root.join(source).exists(), "{name}: {volume}");
        }
    }
}

#[test]
fn observability_is_a_profile_of_its_own() {
    let compose = compose();
    for (name, service) in compose["services"].as_object().unwrap() {
        let observes = service["profiles"].as_array().is_some_and(|profiles| profiles[0] == "observe");
        let expected =
            ["prometheus", "alertmanager", "grafana", "jaeger", "collector"].contains(&name.as_str());
        assert_eq!(observes, expected, "{name}");
    }
    for service in SERVICES {
        let endpoint = &compose["services"][service]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"];
        assert!(endpoint.is_null(), "{service} exports traces to {endpoint} although nothing may listen");
        let variables = compose["services"][service]["environment"].as_object().unwrap();
        assert!(variables.contains_key("OTEL_EXPORTER_OTLP_ENDPOINT"), "{service}");
    }
}
