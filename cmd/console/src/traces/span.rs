//! A span as it is stored: trimmed, its attributes and events already JSON.

use serde::Serialize;
use serde_json::value::RawValue;
use std::mem::size_of;
use std::sync::Arc;

/// The process that sent a span or a log record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    /// The service's name.
    pub(crate) service: Arc<str>,
    /// The instance's id.
    pub(crate) instance: Option<Box<str>>,
}

/// The kind of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Work within a service.
    Internal,
    /// A request that was served.
    Server,
    /// A request that was sent.
    Client,
    /// A message that was sent.
    Producer,
    /// A message that was received.
    Consumer,
}

/// A reference to a span of another trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// The other trace.
    pub(crate) trace: u128,
    /// The span in it.
    pub(crate) span: u64,
}

/// A span. Times are nanoseconds since 1970.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) trace: u128,
    pub(crate) id: u64,
    pub(crate) parent: Option<u64>,
    pub(crate) resource: Arc<Resource>,
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) start: u64,
    /// Not before `start`.
    pub(crate) end: u64,
    pub(crate) error: bool,
    /// The status of the HTTP response, or the code of the gRPC one.
    pub(crate) status: Option<u16>,
    pub(crate) message: Option<Box<str>>,
    /// A JSON object of texts.
    pub(crate) attributes: Box<RawValue>,
    /// A JSON array of events.
    pub(crate) events: Box<RawValue>,
    pub(crate) links: Box<[Link]>,
}

/// What an allocation costs beside its content.
const ALLOCATION: usize = 16;

impl Span {
    /// Returns an estimate of the memory that the span takes, in bytes.
    pub(crate) fn size(&self) -> usize {
        let message = self.message.as_ref().map_or(0, |message| message.len() + ALLOCATION);
        let texts = self.name.len() + self.attributes.get().len() + self.events.get().len() + message;
        // Each link is also indexed by its target.
        let links = self.links.len() * (size_of::<Link>() + 160);
        size_of::<Self>() + 5 * ALLOCATION + texts + links
    }
}
