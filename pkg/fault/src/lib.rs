//! The error vocabulary shared by all layers: the kind of a failure, and the invalid fields of a request.
//!
//! Every layer's error type implements [`Fault`]; only the chassis maps a [`Kind`] to an HTTP status or
//! a gRPC code.

use std::error::Error;
use std::fmt;

/// The kind of a failure, from the caller's point of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request is invalid; sending it again unchanged is useless.
    InvalidArgument,
    /// The caller is not authenticated.
    Unauthenticated,
    /// The caller has no permission for this.
    PermissionDenied,
    /// The requested resource does not exist.
    NotFound,
    /// The request conflicts with the current state.
    Conflict,
    /// The caller sends too many requests.
    RateLimited,
    /// A defect, or a failure that the caller can't remedy.
    Internal,
    /// A dependency is unavailable; a retry may succeed.
    Unavailable,
    /// The response was not ready before the deadline.
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

    /// Returns the kind's name, as used in a problem's `code`.
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

    /// Returns true if the caller caused the error, so that its text is shown to the caller.
    #[must_use]
    pub const fn is_callers(self) -> bool {
        !matches!(self, Self::Internal | Self::Unavailable | Self::Timeout)
    }
}

/// A field of a request and the rule that it violates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field, as the caller's protocol spells it (`metadata.title`, `releaseYear`).
    pub field: String,
    /// The rule, as a sentence without a subject (`must be 1 to 10, not 11`).
    pub reason: String,
}

impl Violation {
    /// Creates a violation.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.reason)
    }
}

/// A request with at least one violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(Vec<Violation>);

impl Invalid {
    /// Creates the error for a single `field`; `reason` states the violated rule.
    pub fn field(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self(vec![Violation::new(field, reason)])
    }

    /// Creates the error for several violations; `None` if there are none.
    #[must_use]
    pub fn of(violations: Vec<Violation>) -> Option<Self> {
        (!violations.is_empty()).then_some(Self(violations))
    }

    /// Returns the violations as [`Self::violations`], owned.
    #[must_use]
    pub fn into_violations(self) -> Vec<Violation> {
        self.0
    }

    /// Returns the violations, at least one, in the order of the request's fields.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.0
    }

    /// Prepends `prefix` to each field (`metadata[3].` makes `metadata[3].title`).
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

/// An error with a [`Kind`].
///
/// `Display` is shown to the caller if [`Kind::is_callers`], and logged otherwise.
pub trait Fault: Error {
    /// Returns the kind of the failure.
    fn kind(&self) -> Kind;

    /// Returns the violations of an [`Kind::InvalidArgument`]; empty for every other kind.
    fn violations(&self) -> &[Violation] {
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_request_names_every_field_with_prefix() {
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
