//! Decoding of the topic's records as the interface defines them: JSON, or protobuf if the header
//! selects it, and the rules for a rating.

use crate::time;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// The effect of an event on one user's rating of one record.
#[derive(Debug, PartialEq)]
pub(crate) struct Event {
    /// Type and id, as in a key of the topic.
    pub(crate) record: String,
    pub(crate) user: String,
    /// The rating; none for a delete.
    pub(crate) put: Option<Rating>,
}

/// A rating without its record and user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rating {
    /// 1 to 10.
    pub value: u8,
    /// The source.
    pub provider: Option<String>,
    /// Milliseconds since 1970.
    pub rated_at: i64,
}

/// The fields of an event, unchecked.
#[derive(Default)]
struct Fields {
    user: Option<String>,
    id: Option<String>,
    kind: Option<String>,
    value: Option<i64>,
    provider: Option<String>,
    delete: bool,
    rated_at: Option<i64>,
    /// Whether the time is invalid.
    no_time: bool,
}

/// The first and the last millisecond of the years 1 to 9999.
const YEARS: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;

/// Returns true if a content type, without its parameters and in any case, is one of protobuf's.
pub(crate) fn is_protobuf(content_type: &[u8]) -> bool {
    let text = String::from_utf8_lossy(content_type).to_ascii_lowercase();
    let name = text.split_once(';').map_or(text.as_str(), |(name, _)| name).trim();
    matches!(name, "application/x-protobuf" | "application/protobuf" | "application/vnd.google.protobuf")
}

/// Decodes the value of a record that arrived at `arrived`, in milliseconds since 1970.
pub(crate) fn read(value: Option<&[u8]>, protobuf: bool, arrived: i64) -> Result<Event, &'static str> {
    let value = value.ok_or("null")?;
    let fields = if protobuf { from_protobuf(value) } else { from_json(value) };
    event(fields.ok_or("not an event")?, arrived).ok_or("breaks a rule")
}

fn event(fields: Fields, arrived: i64) -> Option<Event> {
    let (id, kind) = (fields.id.filter(|id| is_id(id))?, fields.kind.filter(|kind| is_type(kind))?);
    let user = fields.user.filter(|user| is_id(user))?;
    let record = format!("{kind}/{id}");
    if fields.delete {
        return Some(Event { record, user, put: None });
    }
    let value = fields.value.filter(|value| (1..=10).contains(value))?;
    let rated_at = fields.rated_at.unwrap_or(arrived);
    if fields.no_time || !YEARS.contains(&rated_at) || !fields.provider.as_deref().is_none_or(is_id) {
        return None;
    }
    let value = u8::try_from(value).ok()?;
    Some(Event { record, user, put: Some(Rating { value, provider: fields.provider, rated_at }) })
}

fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && !id.chars().any(char::is_control) && id != "." && id != ".."
}

fn is_type(kind: &str) -> bool {
    let first = kind.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    first && kind.len() <= 32 && kind.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-'))
}

/// The members of a JSON object, in order, including duplicates.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

impl Members {
    /// Removes the value of `name`, or null; none if the name is duplicated.
    fn take(&mut self, name: &str) -> Option<Value> {
        let mut named = self.0.extract_if(.., |(member, _)| member == name).map(|(_, value)| value);
        let value = named.next().unwrap_or(Value::Null);
        named.next().is_none().then_some(value)
    }
}

fn from_json(bytes: &[u8]) -> Option<Fields> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut object: Members = serde_json::from_slice(text).ok()?;
    // Null means absent; `None` is a field of the wrong type.
    let mut text = |name: &str| match object.take(name)? {
        Value::Null => Some(None),
        Value::String(text) => Some(Some(text)),
        _ => None,
    };
    let (user, id, kind) = (text("userId")?, text("recordId")?, text("recordType")?);
    let (provider, event_type, rated_at) = (text("providerId")?, text("eventType")?, text("ratedAt")?);
    let value = match object.take("value")? {
        Value::Null => None,
        number => Some(number.as_i64()?),
    };
    let delete = match event_type.as_deref() {
        None | Some("put") => false,
        Some("delete") => true,
        Some(_) => return None,
    };
    let parsed = rated_at.as_deref().map(time::millis);
    let no_time = parsed == Some(None);
    Some(Fields { user, id, kind, value, provider, delete, rated_at: parsed.flatten(), no_time })
}

fn from_protobuf(mut rest: &[u8]) -> Option<Fields> {
    let mut fields = Fields::default();
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        match tag & 7 {
            0 => {
                let number = varint(&mut rest)?;
                match tag >> 3 {
                    // Truncated to the lower half, as for any int32.
                    4 => fields.value = Some(i64::from(number as u32 as i32)),
                    6 if number > 2 => return None,
                    6 => fields.delete = number == 2,
                    7 => fields.rated_at = Some(number.cast_signed()),
                    _ => {}
                }
            }
            1 => drop(take(&mut rest, 8)?),
            2 => {
                let length = varint(&mut rest)?;
                let bytes = take(&mut rest, usize::try_from(length).ok()?)?;
                let text = || String::from_utf8(bytes.to_vec()).ok();
                match tag >> 3 {
                    1 => fields.user = Some(text()?),
                    2 => fields.id = Some(text()?),
                    3 => fields.kind = Some(text()?),
                    5 => fields.provider = Some(text()?).filter(|provider| !provider.is_empty()),
                    _ => {}
                }
            }
            5 => drop(take(&mut rest, 4)?),
            _ => return None,
        }
    }
    Some(fields)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *take(rest, 1)?.first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Result<Event, &'static str> {
        read(Some(text.as_bytes()), false, 5)
    }

    #[test]
    fn event_without_type_is_a_put() {
        let put = json(r#"{"userId":"u","recordId":"1","recordType":"movie","value":7,"more":[],"more":1}"#)
            .unwrap();
        assert_eq!((put.record.as_str(), put.user.as_str()), ("movie/1", "u"));
        assert_eq!(put.put, Some(Rating { value: 7, provider: None, rated_at: 5 }));
        let delete = r#"{"userId":"u","recordId":"1","recordType":"movie","eventType":"delete"}"#;
        assert_eq!(json(delete).unwrap().put, None);
    }

    #[test]
    fn protobuf_event_equals_json_event() {
        let bytes = b"\x0a\x01u\x12\x011\x1a\x05movie\x20\x07\x2a\x01p\x38\x09";
        let event = read(Some(bytes), true, 5).unwrap();
        assert_eq!(event.put, Some(Rating { value: 7, provider: Some("p".to_owned()), rated_at: 9 }));
        assert_eq!(read(Some(b"\x0a\x01u\x12\x011\x1a\x05movie\x30\x02"), true, 5).unwrap().put, None);
        assert!(read(Some(b"\x0a\x05u"), true, 5).is_err());
    }

    #[test]
    fn invalid_event_is_rejected() {
        assert_eq!(read(None, false, 5), Err("null"));
        for text in [
            "",
            "7",
            r#"{"userId":"u","recordId":"1","recordType":"movie"}"#,
            r#"{"userId":"u","recordId":"1","recordType":"movie","value":5.0}"#,
            r#"{"userId":"u","recordId":"1","recordType":"movie","value":11}"#,
            r#"{"userId":7,"recordId":"1","recordType":"movie","value":1}"#,
            r#"{"userId":"u","recordId":"..","recordType":"movie","value":1}"#,
            r#"{"userId":"u","recordId":"1","recordType":"Movie","value":1}"#,
            r#"{"userId":"u","recordId":"1","recordType":"movie","value":1,"ratedAt":"now"}"#,
            r#"{"userId":"u","recordId":"1","recordType":"movie","value":1,"eventType":"patch"}"#,
            r#"{"userId":"u","recordId":"1","recordType":"movie","value":1,"value":1}"#,
        ] {
            assert!(json(text).is_err(), "{text}");
        }
    }
}
