//! A record of the topic becomes a write, or the reason why it is none.

use super::chunk::Content;
use crate::batch::Write;
use api::json;
use api::rating::v1 as proto;
use model::{RatingEvent, Timestamp};
use prost::Message;

/// Why a record is not applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Rejected {
    /// It has no value.
    #[error("the value is null")]
    Null,
    /// Its value is not what its content type says.
    #[error("the value can't be decoded: {0}")]
    Undecodable(String),
    /// Its value breaks a rule.
    #[error("{0}")]
    Invalid(String),
}

impl Rejected {
    /// Its kind, as metrics name it.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Undecodable(_) => "undecodable",
            Self::Invalid(_) => "invalid",
        }
    }
}

/// Reads a record's value; `timestamp` is the record's own, for an event that doesn't say when.
pub(super) fn decode(content: &Content<'_>, timestamp: i64) -> Result<Write, Rejected> {
    let value = content.value.ok_or(Rejected::Null)?;
    let arrived = match timestamp {
        0.. => Timestamp::from_millis(timestamp).unwrap_or_else(|_| Timestamp::now()),
        _ => Timestamp::now(),
    };
    let event = if content.is_protobuf() {
        let event = proto::RatingEvent::decode(value).map_err(|e| Rejected::Undecodable(e.to_string()))?;
        event.event(arrived)
    } else {
        let event: json::RatingEvent<'_> =
            serde_json::from_slice(value).map_err(|e| Rejected::Undecodable(e.to_string()))?;
        event.event(arrived)
    };
    match event.map_err(|e| Rejected::Invalid(e.to_string()))? {
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
    fn an_event_without_a_time_has_the_records() {
        let write = json(br#"{"userId":"u","recordId":"1","recordType":"movie","value":7}"#).unwrap();
        assert!(matches!(write, Write::Put(rating) if rating.rated_at.as_millis() == 5));
    }

    #[test]
    fn the_header_selects_protobuf() {
        let event = proto::RatingEvent {
            user_id: "u".to_owned(),
            record_id: "1".to_owned(),
            record_type: "movie".to_owned(),
            event_type: 2,
            ..Default::default()
        };
        let value = event.encode_to_vec();
        let content_type = Some(b"application/x-protobuf".as_slice());
        let content = Content { key: None, value: Some(&value), content_type };
        assert!(matches!(decode(&content, 5).unwrap(), Write::Delete { .. }));
        assert_eq!(json(&value).unwrap_err().kind(), "undecodable");
    }

    #[test]
    fn what_is_no_event_says_why() {
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
            (br#"{"userId":"u","recordId":"1","recordType":"movie","value":11}"#, "invalid"),
            (br#"{"userId":"u","recordId":"1","recordType":"movie"}"#, "invalid"),
        ] {
            assert_eq!(json(value).unwrap_err().kind(), kind, "{}", value.escape_ascii());
        }
    }
}
