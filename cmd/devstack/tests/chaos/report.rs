//! The result of a case, and which of its lines were missed.

use crate::load::Answers;
use std::fmt;
use std::time::Duration;

/// The result of a case.
pub(crate) struct Report {
    told: Vec<String>,
    /// Lines on counts, which hold on any machine.
    pub(crate) broken: Vec<String>,
    /// Lines on times, which hold on a machine with idle cores.
    pub(crate) missed: Vec<String>,
}

impl Report {
    /// Creates the report of a case with these responses.
    pub(crate) fn of(answers: &Answers) -> Self {
        Self { told: vec![answers.to_string()], broken: Vec::new(), missed: Vec::new() }
    }

    /// Adds a text to the printed line.
    pub(crate) fn tell(&mut self, text: impl fmt::Display) {
        self.told.push(text.to_string());
    }

    /// Checks a count against its limit.
    pub(crate) fn must(&mut self, holds: bool, line: impl fmt::Display) {
        if !holds {
            self.broken.push(line.to_string());
        }
    }

    /// Checks that no request failed.
    pub(crate) fn none_failed(&mut self, answers: &Answers) {
        let first = answers.first_failure().unwrap_or_default();
        self.must(answers.failed() == 0, format_args!("{} failed, the first: {first}", answers.failed()));
    }

    /// Checks that no request failed and no response was partial.
    pub(crate) fn all_whole(&mut self, answers: &Answers) {
        self.none_failed(answers);
        self.must(answers.partial() == 0, format_args!("{} partial", answers.partial()));
    }

    /// Adds a time and checks it against its limit.
    pub(crate) fn within(&mut self, what: &str, took: Duration, limit: Duration) {
        let line = format!("{what} {} ms", took.as_millis());
        if took > limit {
            self.missed.push(format!("{line}, not within {}", limit.as_millis()));
        }
        self.told.push(line);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told.join("; "))
    }
}
