//! An event of the topic `ratings`, validated and ready to be sent.

mod canonical;

use crate::viewers::Act;
use api::json::{EventType, RatingEvent};
use fault::Invalid;
use model::{Record, Timestamp, UserId, Value};

/// A put or delete of a rating: its key and JSON. Its buffers can be reused for the next event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    key: String,
    user_id: String,
    value: Option<Value>,
    json: Vec<u8>,
}

impl Event {
    /// Validates an event.
    pub fn new(wire: &RatingEvent<'_>) -> Result<Self, Invalid> {
        let mut event = Self::default();
        event.set(wire)?;
        Ok(event)
    }

    /// Parses an event's JSON and validates it; a byte order mark and unknown fields are ignored. The error names the
    /// field and the rule, or the column where the JSON is invalid.
    pub fn from_json(json: &[u8]) -> Result<Self, String> {
        let mut event = Self::default();
        event.set_json(json.strip_prefix(jsontext::MARK.as_bytes()).unwrap_or(json))?;
        Ok(event)
    }

    /// Replaces this by another event; after an error it is none.
    pub(crate) fn set(&mut self, wire: &RatingEvent<'_>) -> Result<(), Invalid> {
        self.check(wire)?;
        self.write(wire);
        Ok(())
    }

    /// Replaces this by an event parsed from JSON without a byte order mark.
    pub(crate) fn set_json(&mut self, json: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(json).map_err(|e| format!("not UTF-8 at byte {}", e.valid_up_to()))?;
        if let Some(wire) = canonical::read(text) {
            self.check(&wire).map_err(|e| reason(&e))?;
            self.json.clear();
            self.json.extend_from_slice(json);
            return Ok(());
        }
        if text.starts_with(jsontext::MARK) {
            return Err("begins with a byte order mark, which only the start of the file may".to_owned());
        }
        let wire = jsontext::from_str(text).map_err(|e| column(&e))?;
        self.set(&wire).map_err(|e| reason(&e))
    }

    fn check(&mut self, wire: &RatingEvent<'_>) -> Result<(), Invalid> {
        // The Kafka record's own timestamp applies to an event without a time; this one is not sent.
        let nowhere = Timestamp::from_millis(0).unwrap_or_else(|_| Timestamp::now());
        self.name_of(&wire.event(nowhere)?);
        Ok(())
    }

    /// Replaces this by a simulated user's action, which has no time.
    pub(crate) fn set_act(&mut self, act: &Act) {
        self.name(&act.record, &act.user_id, act.value);
        self.write(&RatingEvent {
            user_id: Some(act.user_id.as_str().into()),
            record_id: Some(act.record.record_id.as_str().into()),
            record_type: Some(act.record.record_type.as_str().into()),
            value: act.value.map(|value| value.get().into()),
            event_type: act.value.is_none().then_some(EventType::Delete),
            ..RatingEvent::default()
        });
    }

    fn name_of(&mut self, event: &model::RatingEvent) {
        match event {
            model::RatingEvent::Put(rating) => self.name(&rating.record, &rating.user_id, Some(rating.value)),
            model::RatingEvent::Delete { record, user_id } => self.name(record, user_id, None),
        }
    }

    fn name(&mut self, record: &Record, user_id: &UserId, value: Option<Value>) {
        self.key.clear();
        self.key.extend([record.record_type.as_str(), "/", record.record_id.as_str()]);
        self.user_id.clear();
        self.user_id.push_str(user_id.as_str());
        self.value = value;
    }

    fn write(&mut self, wire: &RatingEvent<'_>) {
        self.json.clear();
        // A struct of strings and numbers always has a JSON form, and writing to a vector cannot fail.
        let _ = serde_json::to_writer(&mut self.json, wire);
    }

    /// Returns the Kafka record's key, `<record_type>/<record_id>`, which keeps a record's events in order.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the user's id.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// Returns the value of a put; `None` for a delete.
    #[must_use]
    pub const fn value(&self) -> Option<Value> {
        self.value
    }

    /// Returns the Kafka record's value.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.json
    }
}

impl From<&model::RatingEvent> for Event {
    fn from(event: &model::RatingEvent) -> Self {
        let mut room = Self::default();
        room.name_of(event);
        room.write(&event.into());
        room
    }
}

/// Formats the violations, with the fields spelled as in the input.
pub(crate) fn reason(invalid: &Invalid) -> String {
    let rules = invalid.violations().iter().map(|rule| format!("{} {}", camel(&rule.field), rule.reason));
    rules.collect::<Vec<_>>().join("; ")
}

fn camel(snake: &str) -> String {
    let mut words = snake.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(word.len().min(1));
        camel.push_str(&first.to_ascii_uppercase());
        camel.push_str(rest);
    }
    camel
}

/// Returns the parser's message with its column; its line count restarts with every event.
fn column(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    format!("{message} at column {}", error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_round_trips_through_json() {
        for json in [
            r#"{"userId":"u","recordId":"1","recordType":"movie","value":7}"#,
            r#"{"userId":"u","recordId":"a\"b/c","recordType":"2","value":10,"providerId":"p","ratedAt":"2026-11-21T12:00:00.000Z"}"#,
            r#"{"userId":"u","recordId":"1","recordType":"movie","eventType":"delete"}"#,
        ] {
            let event = Event::from_json(json.as_bytes()).unwrap();
            assert_eq!(std::str::from_utf8(event.json()).unwrap(), json);
        }
    }

    #[test]
    fn invalid_event_names_field_and_rule() {
        for (json, reason) in [
            (r#"{"userId":"u","recordId":"1","recordType":"movie","value":11}"#, "value must be a whole"),
            (r#"{"userId":"u","recordId":"1","recordType":"movie"}"#, "value is required"),
            (r#"{"userId":"u","recordId":"1","recordType":"movie","value":5.0}"#, "invalid type: floating"),
            (r#"{"userId":"u","recordId":"1","recordType":"movie","value":"5"}"#, "invalid type: string"),
            (r#"{"userId":"","recordId":"1","recordType":"movie","value":5}"#, "userId must not be empty"),
            (r#"{"userId":"u","recordId":"1","recordType":"Movie","value":5}"#, "recordType must match"),
            (r#"{"userId":"u","recordId":"1","recordType":"movie","value":5,"ratedAt":"x"}"#, "ratedAt must"),
            (
                r#"{"userId":"u","recordId":"1","recordType":"m","value":5,"eventType":"x"}"#,
                "unknown variant",
            ),
            (r#"{"recordId":"1","recordType":"movie","value":5}"#, "userId is required"),
            (r#"{"userId""#, "EOF while parsing an object at column 9"),
            ("null", "invalid type: null"),
            (r#"["u","1","movie",5,null,null,null]"#, "invalid type: sequence"),
            ("\u{feff}\u{feff}{}", "begins with a byte order mark, which only the start of the file may"),
        ] {
            let found = Event::from_json(json.as_bytes()).unwrap_err();
            assert!(found.starts_with(reason), "{json}: {found}");
        }
        assert_eq!(Event::from_json(b"{\"\xff").unwrap_err(), "not UTF-8 at byte 2");
    }

    #[test]
    fn byte_order_mark_before_event_is_not_sent() {
        let json = r#"{"userId":"u","recordId":"1","recordType":"movie","value":7}"#;
        let event = Event::from_json(format!("\u{feff}{json}").as_bytes()).unwrap();
        assert_eq!(event.json(), json.as_bytes());
    }

    #[test]
    fn null_means_absent_and_unknown_fields_are_ignored() {
        let json =
            br#"{"userId":"u","recordId":"1","recordType":"movie","value":5,"providerId":null,"extra":[1]}"#;
        let event = Event::from_json(json).unwrap();
        assert_eq!(event.json(), br#"{"userId":"u","recordId":"1","recordType":"movie","value":5}"#);
        assert_eq!(event.key(), "movie/1");
    }
}
