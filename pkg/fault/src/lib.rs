//! The one vocabulary of errors: what kind a failure is, and which fields of a request broke which rule.
//!
//! Every layer's error type implements [`Fault`]; the chassis alone turns a [`Kind`] into an HTTP status or
//! a gRPC code.

use std::error::Error;
use std::fmt;

/// What went wrong, seen from the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request breaks a rule; sending it again unchanged is of no use.
    InvalidArgument,
    /// The caller has not said who it is.
    Unauthenticated,
    /// The caller may not do this.
    PermissionDenied,
    /// What was asked for does not exist.
    NotFound,
    /// The request contradicts the present state.
    Conflict,
    /// The caller asks too often.
    RateLimited,
    /// A defect, or a failure that the caller can do nothing about.
    Internal,
    /// Something that is needed can't be reached at present; trying again may help.
    Unavailable,
    /// The answer did not come within its deadline.
    Timeout,
}

impl Kind {
    /// Every kind, in the order of the table that maps them to statuses.
    pub const ALL: [Self; 9] = [
        Self::InvalidArgument,
        Self::Unauthenticated,
        Self::PermissionDenied,
        Self::NotFound,
        Self::Conflict,
        Self::RateLimited,
        Self::Internal,
        Self::Unavailable,
        Self::Timeout,
    ];

    /// Returns the kind's name as it stands in a problem's `code`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidArgument => "InvalidArgument",
            Self::Unauthenticated => "Unauthenticated",
            Self::PermissionDenied => "PermissionDenied",
            Self::NotFound => "NotFound",
            Self::Conflict => "Conflict",
            Self::RateLimited => "RateLimited",
            Self::Internal => "Internal",
            Self::Unavailable => "Unavailable",
            Self::Timeout => "Timeout",
        }
    }

    /// Tells whether the caller is at fault, so that the error's text is meant for it.
    #[must_use]
    pub const fn is_callers(self) -> bool {
        !matches!(self, Self::Internal | Self::Unavailable | Self::Timeout)
    }
}

/// One field of a request and the rule that it breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field, spelled as the caller's protocol spells it (`metadata.title`, `releaseYear`).
    pub field: String,
    /// The rule, as a sentence without a subject (`must be 1 to 10, not 11`).
    pub reason: String,
}

impl Violation {
    /// Pairs a field with the rule that it breaks.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.reason)
    }
}

/// A request that breaks at least one rule of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(Vec<Violation>);

impl Invalid {
    /// A request whose one `field` breaks the rule that `reason` states.
    pub fn field(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self(vec![Violation::new(field, reason)])
    }

    /// A request with several broken rules; `None` where `violations` is empty.
    #[must_use]
    pub fn of(violations: Vec<Violation>) -> Option<Self> {
        (!violations.is_empty()).then_some(Self(violations))
    }

    /// The broken rules as [`Self::violations`], owned.
    #[must_use]
    pub fn into_violations(self) -> Vec<Violation> {
        self.0
    }

    /// The broken rules, at least one, in the order of the request's fields.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.0
    }

    /// The same violations with `prefix` before each field (`metadata[3].` makes `metadata[3].title`).
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        for violation in &mut self.0 {
            violation.field.insert_str(0, prefix);
        }
        self
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, violation) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}{violation}")?;
        }
        Ok(())
    }
}

impl Error for Invalid {}

impl Fault for Invalid {
    fn kind(&self) -> Kind {
        Kind::InvalidArgument
    }

    fn violations(&self) -> &[Violation] {
        &self.0
    }
}

/// An error that knows its [`Kind`].
///
/// `Display` is meant for the caller where [`Kind::is_callers`] holds and for the log otherwise.
pub trait Fault: Error {
    /// What kind of failure this is.
    fn kind(&self) -> Kind;

    /// The broken rules of an [`Kind::InvalidArgument`]; empty for every other kind.
    fn violations(&self) -> &[Violation] {
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_request_names_every_field_under_its_prefix() {
        let invalid =
            Invalid::of(vec![Violation::new("title", "is empty"), Violation::new("id", "is empty")])
                .unwrap()
                .under("metadata[3].");
        assert_eq!(invalid.to_string(), "metadata[3].title is empty; metadata[3].id is empty");
        assert_eq!(invalid.kind(), Kind::InvalidArgument);
    }

    #[test]
    fn no_violations_are_no_error() {
        assert_eq!(Invalid::of(Vec::new()), None);
    }

    #[test]
    fn codes_are_distinct() {
        let mut codes = Kind::ALL.map(Kind::code).to_vec();
        codes.dedup();
        assert_eq!(codes.len(), Kind::ALL.len());
    }
}
