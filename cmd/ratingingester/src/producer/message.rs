//! A record as it is sent.

use crate::event::Event;

/// A record of the topic.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value.
    pub value: &'a [u8],
    /// The header with the format of the value; JSON if absent.
    pub content_type: Option<&'a [u8]>,
    /// The partition, unless the key determines it.
    pub partition: Option<i32>,
    /// The timestamp in milliseconds since 1970, by default the current time.
    pub timestamp: Option<i64>,
    /// The header with the trace that the record belongs to.
    pub traceparent: Option<&'a [u8]>,
    /// The header with what vendors of tracing systems add to it.
    pub tracestate: Option<&'a [u8]>,
}

impl<'a> From<&'a Event> for Message<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            key: Some(event.key().as_bytes()),
            value: event.json(),
            content_type: None,
            partition: None,
            timestamp: None,
            traceparent: None,
            tracestate: None,
        }
    }
}
