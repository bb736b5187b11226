//! Decodes a Kafka record into a write, or into the reason why it is rejected.

use super::chunk::Content;
use crate::batch::Write;
use api::json;
use api::rating::v1 as proto;
use model::{RatingEvent, Timestamp};
use prost::Message;

/// The maximum length of an error text in a reason, in bytes.
const REASON: usize = 512;

/// Why a record is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Rejected {
    /// The value is null.
    #[error("the value is null")]
    Null,
    /// The value does not match its content type.
    #[error("the value can't be decoded: {0}")]
    Undecodable(String),
    /// The value breaks a rule.
    #[error("{0}")]
    Invalid(String),
    /// The database rejects the write.
    #[error("the database rejected it: {0}")]
    Refused(String),
}

impl Rejected {
    /// Returns the kind, as in the metrics.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Undecodable(_) => "undecodable",
            Self::Invalid(_) => "invalid",
            Self::Refused(_) => "refused",
        }
    }

    /// Returns the reason for a decoding error.
    fn undecodable(error: impl ToString) -> Self {
        Self::Undecodable(brief(error.to_string()))
    }

    /// Returns the reason for a broken rule.
    fn invalid(error: impl ToString) -> Self {
        Self::Invalid(brief(error.to_string()))
    }

    /// Returns the reason for an error of the database.
    pub(super) fn refused(error: String) -> Self {
        Self::Refused(brief(error))
    }
}

/// Shortens `text`, which may quote the value, to at most [`REASON`] bytes and an ellipsis.
fn brief(mut text: String) -> String {
    if text.len() > REASON {
        text.truncate(text.floor_char_boundary(REASON));
        text.push('…');
    }
    text
}

/// Decodes a record. `timestamp` is that of the record, for an event without a time.
pub(super) fn decode(content: &Content<'_>, timestamp: i64) -> Result<Write, Rejected> {
    let value = content.value.ok_or(Rejected::Null)?;
    let arrived = match timestamp {
        0.. => Timestamp::from_millis(timestamp).unwrap_or_else(|_| Timestamp::now()),
        _ => Timestamp::now(),
    };
    let event = if content.is_protobuf() {
        let event = proto::RatingEvent::decode(value).map_err(Rejected::undecodable)?;
        event.event(arrived)
    } else {
        let event: json::RatingEvent<'_> = jsontext::from_slice(value).map_err(Rejected::undecodable)?;
        event.event(arrived)
    };
    match event.map_err(Rejected::invalid)? {
        RatingEvent::Put(rating) => Ok(Write::Put(rating)),
        RatingEvent::Delete { record, user_id } => Ok(Write::Delete { record, user_id }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &[u8]) -> Result<Write, Rejected> {
        decode(&Content { key: None, value: Some(value), content_type: None }, 5)
    }

    #[test]
    fn event_without_time_gets_timestamp_of_record() {
        let write = json(br#"{"userId":"u","recordId":"1","recordType":"movie","value":7}"#).unwrap();
        assert!(matches!(write, Write::Put(rating) if rating.rated_at.as_millis() == 5));
    }

    #[test]
    fn byte_order_mark_before_event_is_skipped() {
        let event = br#"{"userId":"u","recordId":"1","recordType":"movie","value":7}"#;
        assert!(json(&[b"\xef\xbb\xbf", &event[..]].concat()).is_ok());
        let twice = [b"\xef\xbb\xbf\xef\xbb\xbf", &event[..]].concat();
        assert_eq!(json(&twice).unwrap_err().kind(), "undecodable");
        let reason = json(b"\xff\xfe{\0}\0").unwrap_err().to_string();
        assert!(reason.ends_with("begins with the byte order mark of UTF-16"), "{reason}");
    }

    #[test]
    fn header_selects_protobuf() {
        let event = proto::RatingEvent {
            user_id: "u".to_owned(),
            record_id: "1".to_owned(),
            record_type: "movie".to_owned(),
            event_type: 2,
            ..Default::default()
        };
        let value = event.encode_to_vec();
        for content_type in
            ["application/x-protobuf", "application/Protobuf; messageType=rating.v1.RatingEvent"]
        {
            let content_type = Some(content_type.as_bytes());
            let content = Content { key: None, value: Some(&value), content_type };
            assert!(matches!(decode(&content, 5).unwrap(), Write::Delete { .. }));
        }
        assert_eq!(json(&value).unwrap_err().kind(), "undecodable");
    }

    #[test]
    fn reason_that_quotes_a_long_value_is_short() {
        let kind = "é".repeat(100_000);
        let event =
            format!(r#"{{"userId":"u","recordId":"1","recordType":"movie","value":5,"eventType":"{kind}"}}"#);
        let reason = json(event.as_bytes()).unwrap_err().to_string();
        assert!(reason.len() < 600 && reason.contains("éé") && reason.ends_with('…'), "{reason}");
    }

    #[test]
    fn invalid_event_is_rejected_with_kind() {
        let null = Content { key: None, value: None, content_type: None };
        assert_eq!(decode(&null, 5).unwrap_err(), Rejected::Null);
        for (value, kind) in [
            (&b""[..], "undecodable"),
            (b"{\"userId\":\"\xff\"}", "undecodable"),
            (br#"{"userId":"u","recordId":"1","recordType":"movie","value":4.5}"#, "undecodable"),
            (
                br#"{"userId":"u","recordId":"1","recordType":"movie","value":5,"eventType":"x"}"#,
                "undecodable",
            ),
            (br#"["u","1","movie",5,null,null,null]"#, "undecodable"),
            (br#"[{"userId":"u","recordId":"1","recordType":"movie","value":5}]"#, "undecodable"),
            (
                br#"{"userId":"u","recordId":"1","recordType":"movie","value":5,"eventType":{"put":null}}"#,
                "undecodable",
            ),
            (br#"{"userId":"u","recordId":"1","recordType":"movie","value":11}"#, "invalid"),
            (br#"{"userId":"u","recordId":"1","recordType":"movie"}"#, "invalid"),
        ] {
            assert_eq!(json(value).unwrap_err().kind(), kind, "{}", value.escape_ascii());
        }
    }
}
