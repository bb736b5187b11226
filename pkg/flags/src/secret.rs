//! Values in messages, without what may be secret in them.

use clap::error::{ContextKind, ContextValue};
use std::borrow::Cow;

/// Returns `value` without the user and the query of a URL, and without the value of a SASL or TLS setting
/// (`sasl.password=…`).
#[must_use]
pub fn shown(value: &str) -> Cow<'_, str> {
    if let Some((scheme, rest)) = value.split_once("://") {
        // A password that is not escaped may contain any character.
        let (user, place) = rest.rsplit_once('@').map_or(("", rest), |(_, place)| ("…@", place));
        let (place, query) = place.split_once('?').map_or((place, ""), |(place, _)| (place, "?…"));
        return if user.is_empty() && query.is_empty() {
            value.into()
        } else {
            format!("{scheme}://{user}{place}{query}").into()
        };
    }
    match value.split_once('=') {
        Some((key, _)) if ["sasl.", "sasl_", "ssl.", "ssl_"].iter().any(|start| key.starts_with(start)) => {
            format!("{key}=…").into()
        }
        _ => value.into(),
    }
}

/// Removes from an error what may be secret in the values that it repeats.
pub(crate) fn without_secrets(mut error: clap::Error) -> clap::Error {
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidArg] {
        if let Some(ContextValue::String(value)) = error.get(kind) {
            let value = shown(value).into_owned();
            error.insert(kind, ContextValue::String(value));
        }
    }
    error
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn secrets_are_not_shown() {
        for (value, expected) in [
            ("http://127.0.0.1:8500", "http://127.0.0.1:8500"),
            ("http://me:secret@host:99999", "http://…@host:99999"),
            ("postgres://me:a/b@c@host/films", "postgres://…@host/films"),
            ("postgres://host/films?password=secret", "postgres://host/films?…"),
            ("sasl.password=secret", "sasl.password=…"),
            ("ssl.key.pem=secret=", "ssl.key.pem=…"),
            ("security.protocol=SSL", "security.protocol=SSL"),
            ("sqlite:a=b", "sqlite:a=b"),
            ("-1s", "-1s"),
        ] {
            assert_eq!(shown(value), expected);
        }
    }
}
