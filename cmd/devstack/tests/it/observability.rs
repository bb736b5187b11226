//! The files in `deploy/observability`: alerts, their tests and their runbook, dashboards.
//! `scripts/check-observability` runs them.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const RUNBOOK: &str = include_str!("../../../../docs/runbook.md");
const DATA_SOURCES: &str =
    include_str!("../../../../deploy/observability/grafana/provisioning/datasources/datasources.yaml");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the contents of the files in a folder of `deploy/observability`, by name.
fn files(folder: &str) -> BTreeMap<String, Value> {
    let folder = root().join("deploy/observability").join(folder);
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
    };
    let files: BTreeMap<_, _> =
        std::fs::read_dir(folder).unwrap().map(|entry| read(entry.unwrap().path())).collect();
    assert!(!files.is_empty());
    files
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Returns all alerts by name.
fn alerts() -> BTreeMap<String, Value> {
    let files = files("prometheus/rules");
    let rules =
        files.values().flat_map(|file| array(&file["groups"])).flat_map(|group| array(&group["rules"]));
    let alerts: Vec<_> = rules.filter(|rule| rule["alert"].is_string()).collect();
    let by_name: BTreeMap<_, _> =
        alerts.iter().map(|&alert| (text(&alert["alert"]).to_owned(), alert.clone())).collect();
    assert_eq!(by_name.len(), alerts.len(), "two alerts have the same name");
    by_name
}

/// Returns the sections of the runbook by title.
fn sections() -> BTreeMap<&'static str, &'static str> {
    let sections = RUNBOOK.split("\n## ").skip(1);
    sections.map(|section| section.split_once('\n').unwrap()).collect()
}

/// Returns whether a Rust file of `folder` has a function `name`.
fn has_function(folder: &Path, name: &str) -> bool {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return has_function(&path, name);
        }
        path.extension().is_some_and(|extension| extension == "rs")
            && std::fs::read_to_string(path).unwrap().contains(&format!("fn {name}("))
    })
}

/// Returns the folder with the tests of `suite` of a crate.
fn suite(name: &str, suite: &str) -> PathBuf {
    let mut places = ["", "pkg", "cmd"].into_iter().map(|folder| root().join(folder).join(name));
    let folder = places.find(|place| place.is_dir()).unwrap_or_else(|| panic!("no crate {name}"));
    if suite == "lib" { folder.join("src") } else { folder.join("tests").join(suite) }
}

#[test]
fn every_alert_has_severity_and_link_to_its_section_of_the_runbook() {
    let alerts = alerts();
    let sections: BTreeSet<_> = sections().into_keys().collect();
    assert_eq!(sections, alerts.keys().map(String::as_str).collect());
    for (name, alert) in &alerts {
        let severity = text(&alert["labels"]["severity"]);
        assert!(["page", "ticket"].contains(&severity), "{name}");
        assert_eq!(alert["annotations"]["runbook"], format!("docs/runbook.md#{}", name.to_lowercase()));
        let stated = if severity == "page" { "Page. " } else { "Ticket. " };
        assert!(self::sections()[name.as_str()].trim_start().starts_with(stated), "{name} is a {severity}");
    }
}

#[test]
fn every_section_of_the_runbook_names_tests_that_exist() {
    for (alert, section) in sections() {
        let (_, provoked) = section.split_once("\nProvoked by: ").unwrap_or_else(|| panic!("{alert}"));
        for tests in provoked.split(';') {
            let mut parts = tests.split('`');
            let name = parts.next().unwrap().trim();
            let mut quoted = parts.step_by(2);
            let folder = suite(name, quoted.next().unwrap());
            let tests: Vec<_> = quoted.collect();
            assert!(!tests.is_empty(), "{alert}");
            for test in tests {
                assert!(has_function(&folder, test), "{alert}: {} has no test {test}", folder.display());
            }
        }
    }
}

#[test]
fn every_alert_has_cases_that_fire_and_that_do_not() {
    let files = files("prometheus/tests");
    let tests = files.values().flat_map(|file| array(&file["tests"]));
    let cases: Vec<_> = tests.flat_map(|test| array(&test["alert_rule_test"])).collect();
    let alerts = alerts();
    for alert in alerts.keys() {
        let fires: BTreeSet<_> = cases
            .iter()
            .filter(|case| case["alertname"] == **alert)
            .map(|case| array(&case["exp_alerts"]).next().is_some())
            .collect();
        assert_eq!(fires.len(), 2, "{alert} lacks a case that fires or one that does not");
    }
    for case in cases {
        assert!(alerts.contains_key(text(&case["alertname"])), "{case}");
    }
}

#[test]
fn dashboards_have_unique_ids_and_known_data_sources() {
    let sources: Value = serde_saphyr::from_str(DATA_SOURCES).unwrap();
    let sources: BTreeMap<_, _> =
        array(&sources["datasources"]).map(|source| (text(&source["uid"]), &source["type"])).collect();
    let dashboards = files("grafana/dashboards");
    let uids: BTreeSet<_> = dashboards.values().map(|dashboard| text(&dashboard["uid"])).collect();
    assert_eq!(uids.len(), dashboards.len());
    for (name, dashboard) in &dashboards {
        let panels: Vec<_> = array(&dashboard["panels"]).collect();
        let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), panels.len(), "{name}");
        for panel in panels.into_iter().filter(|panel| panel["type"] != "row") {
            let title = text(&panel["title"]);
            let targets: Vec<_> = array(&panel["targets"]).collect();
            assert!(!targets.is_empty() && !title.is_empty(), "{name}: {title}");
            let variables = array(&dashboard["templating"]["list"]);
            for user in targets.into_iter().chain([panel]).chain(variables) {
                let source = &user["datasource"];
                assert_eq!(sources[text(&source["uid"])], &source["type"], "{name}: {title}");
            }
        }
    }
}
