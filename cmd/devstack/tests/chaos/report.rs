//! What a case has to tell, and which of its lines were not held.

use crate::load::Answers;
use std::fmt;
use std::time::Duration;

/// What came of a case.
pub(crate) struct Report {
    told: Vec<String>,
    /// Lines on counts: they hold on any machine.
    pub(crate) broken: Vec<String>,
    /// Lines on times: they hold on a machine that has time.
    pub(crate) missed: Vec<String>,
}

impl Report {
    /// The report of a case with these answers in all.
    pub(crate) fn of(answers: &Answers) -> Self {
        Self { told: vec![answers.to_string()], broken: Vec::new(), missed: Vec::new() }
    }

    /// Adds something to the line that is printed.
    pub(crate) fn tell(&mut self, text: impl fmt::Display) {
        self.told.push(text.to_string());
    }

    /// Holds a count against its line.
    pub(crate) fn must(&mut self, holds: bool, line: impl fmt::Display) {
        if !holds {
            self.broken.push(line.to_string());
        }
    }

    /// No answer failed.
    pub(crate) fn none_failed(&mut self, answers: &Answers) {
        let first = answers.first_failure().unwrap_or_default();
        self.must(answers.failed() == 0, format_args!("{} failed, the first: {first}", answers.failed()));
    }

    /// No answer failed, and none was partial.
    pub(crate) fn all_whole(&mut self, answers: &Answers) {
        self.none_failed(answers);
        self.must(answers.partial() == 0, format_args!("{} partial", answers.partial()));
    }

    /// Tells a time and holds it against its limit.
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
