//! Attributes as JSON objects of texts, within limits.

use crate::text::shortened;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use serde_json::value::RawValue;
use std::fmt::Write as _;

/// The maximum number of attributes of a span, an event or a log record.
pub(super) const MAX_ATTRIBUTES: usize = 64;

/// The maximum size of all of them as JSON, in bytes; one of the greatest length may exceed it.
pub(super) const MAX_BYTES: usize = 8 * 1024;

/// The maximum sizes of a key and of a value, in bytes.
const MAX_KEY: usize = 128;
const MAX_VALUE: usize = 2 * 1024;

/// The attribute with the number of those that were left out.
pub(super) const LEFT_OUT: &str = "console.attributes_left_out";

/// A JSON object that is being written.
#[derive(Debug)]
pub(super) struct Attributes {
    json: String,
    count: usize,
    left_out: u64,
}

impl Attributes {
    /// Begins an object; the sender itself has left `left_out` attributes out.
    pub(super) fn new(left_out: u32) -> Self {
        Self { json: "{".to_owned(), count: 0, left_out: left_out.into() }
    }

    /// Adds an attribute, or counts it if there are too many.
    pub(super) fn add(&mut self, key: &str, value: &str) {
        if self.count >= MAX_ATTRIBUTES || self.json.len() >= MAX_BYTES {
            self.left_out += 1;
            return;
        }
        self.write(shortened(key, MAX_KEY), shortened(value, MAX_VALUE));
    }

    /// Adds the attributes of OTLP.
    pub(super) fn add_all(mut self, attributes: &[KeyValue]) -> Self {
        for KeyValue { key, value, .. } in attributes {
            match value.as_ref().and_then(|value| value.value.as_ref()) {
                Some(Value::StringValue(text)) => self.add(key, text),
                _ if self.count >= MAX_ATTRIBUTES => self.left_out += 1,
                _ => self.add(key, &text(value.as_ref())),
            }
        }
        self
    }

    fn write(&mut self, key: &str, value: &str) {
        if self.count > 0 {
            self.json.push(',');
        }
        self.count += 1;
        for (text, end) in [(key, ":"), (value, "")] {
            // A text is always valid JSON.
            self.json.push_str(&serde_json::to_string(text).unwrap_or_default());
            self.json.push_str(end);
        }
    }

    /// Returns the object as text.
    pub(super) fn text(mut self) -> String {
        if self.left_out > 0 {
            let left_out = self.left_out.to_string();
            self.write(LEFT_OUT, &left_out);
        }
        self.json.push('}');
        self.json
    }

    /// Returns the object.
    pub(super) fn json(self) -> Box<RawValue> {
        raw(self.text())
    }
}

/// Wraps a JSON text.
pub(super) fn raw(json: String) -> Box<RawValue> {
    RawValue::from_string(json).unwrap_or_default()
}

/// Returns a value as text; values within arrays and objects look like JSON.
pub(super) fn text(value: Option<&AnyValue>) -> String {
    let mut text = String::new();
    write(&mut text, value, false);
    text
}

fn write(text: &mut String, value: Option<&AnyValue>, nested: bool) {
    if text.len() > MAX_VALUE {
        return;
    }
    // Writing to a string cannot fail.
    _ = match value.and_then(|value| value.value.as_ref()) {
        None => text.write_str(if nested { "null" } else { "" }),
        Some(Value::StringValue(string)) => {
            let string = shortened(string, MAX_VALUE);
            if nested { write!(text, "{string:?}") } else { text.write_str(string) }
        }
        Some(Value::BoolValue(value)) => write!(text, "{value}"),
        Some(Value::IntValue(value)) => write!(text, "{value}"),
        Some(Value::DoubleValue(value)) => write!(text, "{value}"),
        Some(Value::StringValueStrindex(index)) => write!(text, "#{index}"),
        Some(Value::BytesValue(bytes)) => {
            bytes.iter().take(MAX_VALUE / 2).try_for_each(|byte| write!(text, "{byte:02x}"))
        }
        Some(Value::ArrayValue(array)) => {
            text.push('[');
            for (index, value) in array.values.iter().take(MAX_VALUE).enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                write(text, Some(value), true);
            }
            text.write_str("]")
        }
        Some(Value::KvlistValue(list)) => {
            text.push('{');
            for (index, KeyValue { key, value, .. }) in list.values.iter().take(MAX_VALUE).enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                text.push_str(shortened(key, MAX_KEY));
                text.push_str(": ");
                write(text, value.as_ref(), true);
            }
            text.write_str("}")
        }
    };
}
