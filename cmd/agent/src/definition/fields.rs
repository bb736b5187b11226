//! JSON objects decoded with the rules of Go's decoder for structs.

use crate::duration::{self, Nanos};
use crate::refusal::Refusal;
use serde_json::error::Category;
use serde_json::{Deserializer, Map, Value};
use std::collections::BTreeMap;

/// The fields of an object whose keys are all known.
#[derive(Debug)]
pub(super) struct Fields(Map<String, Value>);

fn failed(why: impl std::fmt::Display) -> Refusal {
    Refusal::bad_request(format!("Request decode failed: {why}"))
}

fn mismatch(value: &Value, field: &str, wanted: &str) -> Refusal {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    failed(format!("json: cannot unmarshal {found} into Go struct field {field} of type {wanted}"))
}

/// Normalizes a key: lower case, without the snake-case underscores that
/// `known` accepts.
fn plain(key: &str) -> String {
    key.replace('_', "").to_ascii_lowercase()
}

impl Fields {
    /// Parses the object at the beginning of `body`; the rest is ignored.
    pub(super) fn read(body: &[u8], known: &[&str]) -> Result<Self, Refusal> {
        match Deserializer::from_slice(body).into_iter::<Value>().next() {
            None => Err(failed("EOF")),
            Some(Ok(value)) => Self::of(value, known),
            Some(Err(error)) if error.classify() == Category::Eof => Err(failed("unexpected EOF")),
            Some(Err(error)) => {
                let line = body.split(|byte| *byte == b'\n').nth(error.line().saturating_sub(1));
                let at = line.and_then(|line| line.get(error.column().saturating_sub(1)));
                let character = char::from(at.copied().unwrap_or(b'?'));
                Err(failed(format!("invalid character '{character}' looking for beginning of value")))
            }
        }
    }

    /// Returns the fields of `value`, an object or `null`, whose keys must be in `known`.
    pub(super) fn of(value: Value, known: &[&str]) -> Result<Self, Refusal> {
        let object = match value {
            Value::Null => Map::new(),
            Value::Object(object) => object,
            other => return Err(mismatch(&other, "", "struct")),
        };
        let mut fields = Map::new();
        for (key, value) in object {
            if !known.iter().any(|known| known.eq_ignore_ascii_case(&key)) {
                return Err(failed(format!("json: unknown field {key:?}")));
            }
            fields.insert(plain(&key), value);
        }
        Ok(Self(fields))
    }

    /// Returns the field's value unless it is absent or `null`.
    pub(super) fn find(&self, field: &str) -> Option<&Value> {
        self.0.get(&plain(field)).filter(|value| !value.is_null())
    }

    /// Returns true if the field has a value that is not Go's zero value.
    pub(super) fn is_given(&self, field: &str) -> bool {
        self.find(field).is_some_and(|value| match value {
            Value::String(text) => !text.is_empty(),
            Value::Array(values) => !values.is_empty(),
            _ => true,
        })
    }

    /// Returns the field as a `T`, or the default if it is absent.
    pub(super) fn get<T: Decode>(&self, field: &str) -> Result<T, Refusal> {
        self.find(field).map_or_else(|| Ok(T::default()), |value| T::decode(value, field))
    }
}

/// A type that a field can have.
pub(super) trait Decode: Default {
    fn decode(value: &Value, field: &str) -> Result<Self, Refusal>;
}

impl Decode for String {
    fn decode(value: &Value, field: &str) -> Result<Self, Refusal> {
        value.as_str().map(str::to_owned).ok_or_else(|| mismatch(value, field, "string"))
    }
}

impl Decode for bool {
    fn decode(value: &Value, field: &str) -> Result<Self, Refusal> {
        value.as_bool().ok_or_else(|| mismatch(value, field, "bool"))
    }
}

impl Decode for i64 {
    fn decode(value: &Value, field: &str) -> Result<Self, Refusal> {
        value.as_i64().ok_or_else(|| mismatch(value, field, "int"))
    }
}

impl Decode for u16 {
    fn decode(value: &Value, field: &str) -> Result<Self, Refusal> {
        value.as_u64().and_then(|n| n.try_into().ok()).ok_or_else(|| mismatch(value, field, "int"))
    }
}

impl Decode for Value {
    fn decode(value: &Value, _: &str) -> Result<Self, Refusal> {
        Ok(value.clone())
    }
}

impl Decode for Nanos {
    fn decode(value: &Value, field: &str) -> Result<Self, Refusal> {
        match value {
            Value::String(text) if text.is_empty() => Ok(Self(0)),
            Value::String(text) => duration::parse(text).map_err(failed),
            Value::Number(number) => {
                number.as_i64().map(Self).ok_or_else(|| mismatch(value, field, "time.Duration"))
            }
            other => Err(mismatch(other, field, "time.Duration")),
        }
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(value: &Value, field: &str) -> Result<Self, Refusal> {
        let values = value.as_array().ok_or_else(|| mismatch(value, field, "slice"))?;
        values.iter().map(|value| T::decode(value, field)).collect()
    }
}

impl<T: Decode> Decode for BTreeMap<String, T> {
    fn decode(value: &Value, field: &str) -> Result<Self, Refusal> {
        let object = value.as_object().ok_or_else(|| mismatch(value, field, "map"))?;
        object.iter().map(|(key, value)| Ok((key.clone(), T::decode(value, field)?))).collect()
    }
}
