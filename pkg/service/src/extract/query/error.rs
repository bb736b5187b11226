//! Why a query is rejected.

use fault::Violation;
use serde::de;
use std::fmt;

/// A rejected query, by the parameter at fault.
#[derive(Debug)]
pub(super) struct Error(Violation);

impl Error {
    pub(super) fn of(name: &str, reason: impl Into<String>) -> Self {
        Self(Violation::new(name, reason))
    }

    /// Sets the parameter of an error without one.
    pub(super) fn named(self, name: &str) -> Self {
        if self.0.field.is_empty() { Self::of(name, self.0.reason) } else { self }
    }

    pub(super) fn into_violation(self) -> Violation {
        self.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::of("", crate::extract::reason::reason(&text.to_string()))
    }

    fn unknown_field(name: &str, _: &'static [&'static str]) -> Self {
        Self::of(name, "is unknown")
    }

    fn missing_field(name: &'static str) -> Self {
        Self::of(name, "is missing")
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::of(name, "is given twice")
    }
}
