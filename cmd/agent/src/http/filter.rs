//! `?filter=`: a single comparison for equality, the simplest of Consul's filters.

use crate::refusal::Refusal;
use http::StatusCode;
use serde_json::Value;

/// Maps with user-defined keys: a missing key matches nothing, but is not an error.
const MAPS: &[&str] = &["Meta", "NodeMeta", "ServiceMeta", "TaggedAddresses", "ServiceTaggedAddresses"];

/// Tokens of filters that Consul may support, but this agent does not.
const MORE: &[&str] = &[" and ", " or ", "not ", " in ", " contains ", " is ", " matches ", "(", "\"/"];

/// A comparison of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    selector: Vec<String>,
    value: String,
    wanted: bool,
}

fn invalid(why: impl std::fmt::Display) -> Refusal {
    let text = format!("Failed to create boolean expression evaluator: {why}");
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, text)
}

impl Filter {
    /// Parses `Selector == "value"` or `Selector != "value"`.
    pub(super) fn read(text: &str) -> Result<Self, Refusal> {
        let comparison =
            ["==", "!="].into_iter().find_map(|sign| Some((text.split_once(sign)?, sign == "==")));
        if let Some(((selector, value), wanted)) = comparison
            && let Some(selector) = self::selector(selector.trim())
            && let Some(value) = literal(value.trim())
        {
            return Ok(Self { selector, value: value.to_owned(), wanted });
        }
        match MORE.iter().any(|more| text.contains(more)) {
            true => Err(Refusal::not_done("filters beyond `Selector == \"value\"`")),
            false => Err(invalid("no match found")),
        }
    }

    /// Returns the error for a filter on a response that cannot be filtered.
    pub(super) fn misplaced(&self) -> Refusal {
        Refusal::not_done("a filter here")
    }

    /// Keeps the matching elements of a list, or values of a map.
    pub(super) fn apply(&self, value: &mut Value) -> Result<(), Refusal> {
        let mut failed = Ok(());
        let mut keep = |value: &Value| {
            self.matches(value).unwrap_or_else(|refusal| {
                failed = Err(refusal);
                false
            })
        };
        match value {
            Value::Array(values) => values.retain(|value| keep(value)),
            Value::Object(values) => values.retain(|_, value| keep(value)),
            _ => {}
        }
        failed
    }

    fn matches(&self, value: &Value) -> Result<bool, Refusal> {
        let mut found = Some(value);
        let mut within = "";
        for step in &self.selector {
            let next = found.and_then(|value| value.get(step));
            if next.is_none() && !MAPS.contains(&within) {
                return Err(invalid(format!("Selector {:?} is not valid", self.selector.join("."))));
            }
            (found, within) = (next, step);
        }
        let equal = match found {
            None | Some(Value::Null) => false,
            Some(Value::String(text)) => *text == self.value,
            Some(number @ (Value::Number(_) | Value::Bool(_))) => {
                self.value.parse().is_ok_and(|value: Value| value == *number)
            }
            Some(Value::Array(_) | Value::Object(_)) => {
                return Err(invalid(format!("{:?} can't be compared", self.selector.join("."))));
            }
        };
        Ok(equal == self.wanted)
    }
}

fn selector(text: &str) -> Option<Vec<String>> {
    let word =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "_-/".contains(c));
    text.split('.').all(word).then(|| text.split('.').map(str::to_owned).collect())
}

fn literal(text: &str) -> Option<&str> {
    for quote in ['"', '`'] {
        if let Some(inner) = text.strip_prefix(quote) {
            return inner.strip_suffix(quote).filter(|inner| !inner.contains([quote, '\\']));
        }
    }
    (!text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c))).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn comparison_keeps_what_is_equal() {
        let list = json!([
            {"Service": {"ID": "a", "Port": 1, "Meta": {"v": "1"}}},
            {"Service": {"ID": "b", "Port": 2, "Meta": {}}},
        ]);
        for (text, ids) in [
            (r#"Service.ID == "a""#, &["a"][..]),
            ("Service.ID==`b`", &["b"]),
            ("Service.ID != b", &["a"]),
            ("Service.Port == 2", &["b"]),
            (r#"Service.Meta.v == "1""#, &["a"]),
            (r#"Service.Meta.v != "1""#, &["b"]),
            (r#"Service.ID == "== and (""#, &[]),
        ] {
            let mut kept = list.clone();
            Filter::read(text).unwrap().apply(&mut kept).unwrap();
            let found: Vec<_> = kept.as_array().unwrap().iter().map(|one| &one["Service"]["ID"]).collect();
            assert_eq!(found, ids, "{text}");
        }
        let mut map = json!({"x": {"ID": "x"}, "y": {"ID": "y"}});
        Filter::read("ID == y").unwrap().apply(&mut map).unwrap();
        assert_eq!(map, json!({"y": {"ID": "y"}}));
    }

    #[test]
    fn what_is_no_comparison_is_refused_and_never_ignored() {
        for (text, status) in [
            (r#"ID == "a" and Port == 1"#, 501),
            (r#""grpc" in Tags"#, 501),
            ("Tags is empty", 501),
            (r#"not ID == "a""#, 501),
            ("ID", 500),
            ("ID ==", 500),
            ("== a", 500),
            (r#"ID == "a"#, 500),
        ] {
            let refusal = Filter::read(text).unwrap_err();
            assert_eq!(refusal.status.as_u16(), status, "{text}: {}", refusal.text);
        }
        for text in ["Nope == 1", "Service == 1", "ID.x == 1"] {
            let mut list = json!([{"ID": "a", "Service": {}}]);
            let refusal = Filter::read(text).unwrap().apply(&mut list).unwrap_err();
            assert!(refusal.text.starts_with("Failed to create boolean expression evaluator: "), "{text}");
        }
    }
}
