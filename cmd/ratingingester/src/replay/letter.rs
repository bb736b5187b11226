//! A dead letter: a record that the rating service could not apply, unchanged, and its origin.

use crate::event::{Event, reason};
use api::rating::v1::RatingEvent;
use model::Timestamp;
use prost::Message as _;
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers};

/// A record of the dead-letter topic.
#[derive(Debug, Default)]
pub(super) struct Letter<'a> {
    /// The letter's partition.
    pub(super) partition: i32,
    /// The letter's offset.
    pub(super) offset: i64,
    /// Milliseconds since 1970.
    pub(super) timestamp: Option<i64>,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) content_type: Option<&'a [u8]>,
    /// The trace that the record belongs to.
    pub(super) traceparent: Option<&'a [u8]>,
    pub(super) tracestate: Option<&'a [u8]>,
    topic: Option<&'a [u8]>,
    /// The original partition of the record.
    pub(super) origin: Option<i32>,
    /// Whether its value was truncated.
    cut: bool,
    /// Whether its key or content type was truncated.
    cut_beside: bool,
}

impl<'a> Letter<'a> {
    /// Decodes a record of the dead-letter topic.
    pub(super) fn of(message: &'a BorrowedMessage<'_>) -> Self {
        let mut letter = Self {
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis(),
            key: message.key(),
            value: message.payload(),
            ..Self::default()
        };
        for header in message.headers().into_iter().flat_map(Headers::iter) {
            match header.key {
                "content-type" => letter.content_type = header.value,
                "traceparent" => letter.traceparent = header.value,
                "tracestate" => letter.tracestate = header.value,
                "topic" => letter.topic = header.value,
                "partition" => letter.origin = header.value.and_then(number),
                "cut" => letter.cut = true,
                "cut-key" | "cut-content-type" => letter.cut_beside = true,
                _ => {}
            }
        }
        letter
    }

    /// Validates the letter; returns the topic to send it to, which must not be
    /// `here`, or why it is skipped.
    pub(super) fn check(&self, here: &str) -> Result<&'a str, String> {
        let topic = self.topic.and_then(|topic| std::str::from_utf8(topic).ok());
        let topic = topic.filter(|topic| *topic != here).ok_or("it has no header with its original topic")?;
        if self.cut {
            return Err("its value was truncated".to_owned());
        }
        if self.cut_beside {
            return Err("its key or content type was truncated".to_owned());
        }
        let value = self.value.ok_or("it has no value")?;
        if self.is_protobuf() {
            let event = RatingEvent::decode(value).map_err(|e| e.to_string())?;
            event.event(Timestamp::now()).map_err(|e| reason(&e))?;
        } else {
            Event::from_json(value)?;
        }
        Ok(topic)
    }

    /// Returns its bytes, without a byte order mark, if they can be a line of a file that is repaired and sent again.
    pub(super) fn line(&self) -> Option<&'a [u8]> {
        let value = self.value.filter(|_| !self.cut && !self.is_protobuf())?;
        Some(value.strip_prefix(jsontext::MARK.as_bytes()).unwrap_or(value))
    }

    fn is_protobuf(&self) -> bool {
        self.content_type.is_some_and(api::media::is_protobuf)
    }
}

fn number(bytes: &[u8]) -> Option<i32> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[u8] = br#"{"userId":"u","recordId":"1","recordType":"movie","value":7}"#;

    fn letter(value: Option<&[u8]>) -> Letter<'_> {
        Letter { value, topic: Some(b"ratings"), ..Letter::default() }
    }

    #[test]
    fn letter_that_is_valid_now_is_sent_to_its_topic() {
        assert_eq!(letter(Some(GOOD)).check("ratings.dlq"), Ok("ratings"));
        let event = RatingEvent {
            user_id: "u".to_owned(),
            record_id: "1".to_owned(),
            record_type: "movie".to_owned(),
            value: 7,
            ..RatingEvent::default()
        };
        let bytes = event.encode_to_vec();
        let protobuf = Letter { content_type: Some(b"application/X-protobuf; a=b"), ..letter(Some(&bytes)) };
        assert_eq!(protobuf.check("ratings.dlq"), Ok("ratings"));
        assert_eq!(protobuf.line(), None);
        assert!(letter(Some(&bytes)).check("ratings.dlq").is_err());
    }

    #[test]
    fn invalid_letter_is_skipped_with_reason() {
        let of_nowhere = Letter { topic: None, ..letter(Some(GOOD)) };
        let cut = Letter { cut: true, ..letter(Some(GOOD)) };
        let cut_beside = Letter { cut_beside: true, ..letter(Some(GOOD)) };
        let protobuf = Letter { content_type: Some(b"application/x-protobuf"), ..letter(Some(b"\x08")) };
        for (letter, reason, line) in [
            (letter(None), "it has no value", false),
            (letter(Some(b"{}")), "userId is required; recordId is required", true),
            (letter(Some(b"{")), "EOF while parsing", true),
            (cut, "its value was truncated", false),
            (cut_beside, "its key or content type was truncated", true),
            (of_nowhere, "it has no header with", true),
            (protobuf, "failed to decode", false),
        ] {
            let found = letter.check("ratings.dlq").unwrap_err();
            assert!(found.starts_with(reason), "{found}");
            assert_eq!(letter.line().is_some(), line, "{reason}");
        }
        assert!(letter(Some(GOOD)).check("ratings").is_err(), "it would go where it comes from");
        let marked = ["\u{feff}".as_bytes(), GOOD].concat();
        assert_eq!(letter(Some(&marked)).check("ratings.dlq"), Ok("ratings"));
        assert_eq!(letter(Some(&marked)).line(), Some(GOOD));
    }
}
