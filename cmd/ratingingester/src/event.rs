//! One event of the topic `ratings`, ready to be sent: it has passed the model's rules.

use api::json::RatingEvent;
use fault::Invalid;
use model::{Rating, Record, Timestamp};

/// A rating put or deleted: its key and its JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    key: String,
    json: Vec<u8>,
}

impl Event {
    /// Holds an event against the rules.
    pub fn new(wire: &RatingEvent<'_>) -> Result<Self, Invalid> {
        // Where the event doesn't say when, the Kafka record's own time does.
        let checked = wire.event(Timestamp::now())?;
        Ok(Self::of(checked.record(), wire))
    }

    /// Reads an event's JSON and holds it against the rules; unknown fields are ignored. The error names the
    /// field and the rule, or the column where the JSON ends to be JSON.
    pub fn from_json(json: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(json).map_err(|e| format!("not UTF-8 at byte {}", e.valid_up_to()))?;
        let wire = serde_json::from_str(text).map_err(|e| column(&e))?;
        Self::new(&wire).map_err(|e| reason(&e))
    }

    fn of(record: &Record, wire: &RatingEvent<'_>) -> Self {
        let mut json = Vec::with_capacity(160);
        // A struct of strings and numbers always has a JSON form, and a vector always has room.
        let _ = serde_json::to_writer(&mut json, wire);
        Self { key: format!("{}/{}", record.record_type, record.record_id), json }
    }

    /// The Kafka record's key, `<record_type>/<record_id>`, by which a record's events keep their order.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The Kafka record's value.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.json
    }
}

impl From<&model::RatingEvent> for Event {
    fn from(event: &model::RatingEvent) -> Self {
        Self::of(event.record(), &event.into())
    }
}

impl From<Rating> for Event {
    fn from(rating: Rating) -> Self {
        Self::from(&model::RatingEvent::Put(rating))
    }
}

/// The broken rules, with the fields spelled as the input spells them.
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

/// The parser's message with its column; its own line count starts anew with every event.
fn column(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    format!("{message} at column {}", error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reads_back_as_it_was_written() {
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
    fn what_breaks_a_rule_is_named() {
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
        ] {
            let found = Event::from_json(json.as_bytes()).unwrap_err();
            assert!(found.starts_with(reason), "{json}: {found}");
        }
        assert_eq!(Event::from_json(b"{\"\xff").unwrap_err(), "not UTF-8 at byte 2");
    }

    #[test]
    fn null_is_as_if_absent_and_unknown_fields_are_ignored() {
        let json =
            br#"{"userId":"u","recordId":"1","recordType":"movie","value":5,"providerId":null,"extra":[1]}"#;
        let event = Event::from_json(json).unwrap();
        assert_eq!(event.json(), br#"{"userId":"u","recordId":"1","recordType":"movie","value":5}"#);
        assert_eq!(event.key(), "movie/1");
    }
}
