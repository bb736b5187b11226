//! The tables of `docs/metrics.md`.

use super::exposition::Family;
use std::collections::BTreeSet;

/// A section: the services that serve its metrics, and the rows of its table.
#[derive(Debug, Default)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) services: Vec<String>,
    pub(super) metrics: Vec<Metric>,
}

/// A row.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) name: String,
    kind: String,
    labels: Vec<Label>,
}

/// A label, and its values if they are listed.
#[derive(Debug)]
struct Label {
    name: String,
    values: Vec<String>,
}

/// Parses the document.
pub(super) fn parse(document: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in document.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            sections.push(Section { title: title.to_owned(), ..Section::default() });
        } else if let (Some(services), Some(section)) = (line.strip_prefix("From: "), sections.last_mut()) {
            section.services = code(services.split(". When").next().unwrap());
        } else if let (Some(row), Some(section)) = (line.strip_prefix("| `"), sections.last_mut()) {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let [name, kind, labels, unit, meaning, ""] = cells[..] else { panic!("not five cells: {line}") };
            assert!(!unit.is_empty() && !meaning.is_empty(), "{line}");
            let name = name.trim_end_matches('`').to_owned();
            section.metrics.push(Metric { name, kind: kind.to_owned(), labels: self::labels(labels) });
        }
    }
    for section in &sections {
        assert!(!section.services.is_empty() && !section.metrics.is_empty(), "{section:?}");
    }
    sections
}

/// Parses `` `name` (`value`, `value`), `name` ``.
fn labels(cell: &str) -> Vec<Label> {
    let (mut labels, mut is_value): (Vec<Label>, _) = (Vec::new(), false);
    for (index, part) in cell.split('`').enumerate() {
        if index % 2 == 0 {
            is_value = (is_value || part.contains('(')) && !part.contains(')');
        } else if is_value {
            labels.last_mut().unwrap().values.push(part.to_owned());
        } else {
            labels.push(Label { name: part.to_owned(), values: Vec::new() });
        }
    }
    labels
}

/// Returns what is between backticks.
fn code(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

impl Metric {
    /// Returns what differs between the row and what is served.
    pub(super) fn differences(&self, family: &Family) -> Vec<String> {
        let (name, mut faults) = (&self.name, Vec::new());
        if family.kind != self.kind {
            faults.push(format!("{name} is a {}, not a {}", family.kind, self.kind));
        }
        let documented: BTreeSet<&str> = self.labels.iter().map(|label| label.name.as_str()).collect();
        for sample in &family.samples {
            let served: BTreeSet<&str> = sample.keys().map(String::as_str).collect();
            if served != documented {
                faults.push(format!("{name} has the labels {served:?}, not {documented:?}"));
            }
            for label in self.labels.iter().filter(|label| !label.values.is_empty()) {
                if let Some(value) = sample.get(&label.name).filter(|value| !label.values.contains(value)) {
                    faults.push(format!("{name} has {}={value}, which is not listed", label.name));
                }
            }
        }
        faults
    }
}
