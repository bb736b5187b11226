//! The Prometheus text format 0.0.4.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

/// A metric with its samples.
#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) kind: String,
    /// The labels of each sample, without `le`.
    pub(super) samples: Vec<BTreeMap<String, String>>,
}

/// Parses the format. Families without samples are omitted.
pub(super) fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let family = Family { kind: kind.to_owned(), samples: Vec::new() };
            assert!(families.insert(name.to_owned(), family).is_none(), "{name} is declared twice");
            name.clone_into(&mut current);
        } else if !line.starts_with('#') {
            let family = families.get_mut(&current).unwrap();
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let (name, labels) = name.split_once('{').unwrap_or((name, "}"));
            let suffix = name.strip_prefix(current.as_str());
            let is_part = family.kind == "histogram" && matches!(suffix, Some("_bucket" | "_sum" | "_count"));
            assert!(suffix == Some("") || is_part, "{line} belongs to {current}");
            family.samples.push(self::labels(labels));
        }
    }
    families.retain(|_, family| !family.samples.is_empty());
    families
}

/// Parses `name="value",name="value"}`.
fn labels(text: &str) -> BTreeMap<String, String> {
    let (mut labels, mut rest) = (BTreeMap::new(), text);
    while let Some((name, after)) = rest.split_once("=\"") {
        let (mut value, mut escaped, mut end) = (String::new(), false, after.len());
        for (at, c) in after.char_indices() {
            match c {
                '\\' if !escaped => escaped = true,
                '"' if !escaped => {
                    end = at;
                    break;
                }
                c => {
                    value.push(c);
                    escaped = false;
                }
            }
        }
        labels.insert(name.trim_start_matches(',').to_owned(), value);
        rest = &after[end + 1..];
    }
    assert_eq!(rest, "}", "{text}");
    labels.remove("le");
    labels
}

/// Runs `promtool check metrics`, if it is installed: it must have no advice.
pub(super) fn promtool(metrics: &str) {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        eprintln!("promtool is not installed");
        return;
    };
    child.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
}
