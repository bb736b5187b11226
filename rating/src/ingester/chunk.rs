//! Chunks of Kafka records, the unit that a lane decodes and applies.

use super::traced::{self, TraceHeaders, Traced, Tracing};
use crate::batch::Position;
use rdkafka::Message;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Header, Headers};
use std::num::NonZeroU32;
use trace::Span;

/// The memory that a record takes in addition to its bytes: its own fields; in two of a lane's three chunks also
/// the decoded write, and in one of these what applying it takes.
const WEIGHT: usize = 200;

const KNOWN: [&str; 3] = ["content-type", "traceparent", "tracestate"];

/// Records in the order of their partitions, with their bytes in one buffer.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// The partitions whose reading starts with this chunk.
    pub(super) starts: Vec<Start>,
    /// How far partitions have been read past their last record in this chunk or an earlier one.
    pub(super) reached: Vec<Reached>,
    /// The records.
    pub(super) records: Vec<KafkaRecord>,
    bytes: Vec<u8>,
    /// Of the records with a trace.
    traced: Vec<Traced>,
}

/// The start of a reading of a partition.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub(super) partition: i32,
    /// Distinguishes this reading of the partition from all others.
    pub(super) epoch: u64,
    /// The stored position.
    pub(super) stored: Option<Position>,
}

/// A partition has been read up to an offset, with no record between the last one and that offset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached {
    pub(super) partition: i32,
    pub(super) epoch: u64,
    pub(super) next: i64,
}

/// A record of the topic. Its bytes are in the chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct KafkaRecord {
    pub(super) partition: i32,
    pub(super) epoch: u64,
    pub(super) offset: i64,
    /// Milliseconds since 1970; -1 if the record has no timestamp.
    pub(super) timestamp: i64,
    /// The index of its first byte, and the lengths of key, value and content type, which follow each other.
    start: usize,
    lengths: [Option<u32>; 3],
    /// The number of its trace in the chunk, from 1, if it has one.
    traced: Option<NonZeroU32>,
}

/// The bytes of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content<'a> {
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) content_type: Option<&'a [u8]>,
}

impl Chunk {
    /// Returns an empty chunk with the capacity that this one uses.
    pub(super) fn empty_of_same_size(&self) -> Self {
        Self {
            starts: Vec::new(),
            reached: Vec::new(),
            records: Vec::with_capacity(self.records.len()),
            bytes: Vec::with_capacity(self.bytes.len()),
            traced: Vec::with_capacity(self.traced.len()),
        }
    }

    /// Adds a copy of `message`, read in the reading `epoch` of its partition.
    pub(super) fn push(&mut self, message: &BorrowedMessage<'_>, epoch: u64, tracing: &Tracing) {
        let [content_type, traceparent, tracestate] = message.headers().map_or([None; 3], known);
        let trace = traceparent.and_then(|parent| TraceHeaders::of(parent, tracestate));
        let record = KafkaRecord {
            partition: message.partition(),
            epoch,
            offset: message.offset(),
            timestamp: message.timestamp().to_millis().unwrap_or(-1),
            start: 0,
            lengths: [None; 3],
            traced: trace.and_then(|headers| self.trace(headers, tracing.process(message, headers))),
        };
        self.add(record, Content { key: message.key(), value: message.payload(), content_type });
    }

    /// Keeps the trace of the next record; returns its number.
    fn trace(&mut self, headers: TraceHeaders<'_>, span: Span) -> Option<NonZeroU32> {
        let mut keep = |value: &[u8]| {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(value);
            start..self.bytes.len()
        };
        let (traceparent, tracestate) = (keep(headers.traceparent), headers.tracestate.map(keep));
        self.traced.push(Traced { traceparent, tracestate, span });
        u32::try_from(self.traced.len()).ok().and_then(NonZeroU32::new)
    }

    fn traced(&self, record: &KafkaRecord) -> Option<&Traced> {
        self.traced.get(record.traced?.get() as usize - 1)
    }

    /// Returns the trace headers of one of the chunk's records.
    pub(super) fn trace_headers(&self, record: &KafkaRecord) -> Option<TraceHeaders<'_>> {
        let Traced { traceparent, tracestate, .. } = self.traced(record)?;
        let traceparent = self.bytes.get(traceparent.clone())?;
        let tracestate = tracestate.clone().and_then(|state| self.bytes.get(state));
        Some(TraceHeaders { traceparent, tracestate })
    }

    /// Returns the span of one of the chunk's records, if it is sampled.
    pub(super) fn span(&self, record: &KafkaRecord) -> Option<&Span> {
        self.traced(record).map(|traced| &traced.span).filter(|span| span.is_recording())
    }

    /// Starts the span of work on the whole chunk, if one of its records is sampled.
    pub(super) fn work(&self, name: &'static str) -> Span {
        traced::join(&self.traced, name, self.records.len())
    }

    /// Adds a copy of `record` with this content.
    fn add(&mut self, record: KafkaRecord, content: Content<'_>) {
        let parts = [content.key, content.value, content.content_type];
        // Lengths in Kafka have 31 bits.
        let lengths = parts.map(|part| part.map(|bytes| u32::try_from(bytes.len()).unwrap_or(u32::MAX)));
        self.records.push(KafkaRecord { start: self.bytes.len(), lengths, ..record });
        parts.into_iter().flatten().for_each(|bytes| self.bytes.extend_from_slice(bytes));
    }

    /// Returns the bytes of one of the chunk's records.
    pub(super) fn content(&self, record: &KafkaRecord) -> Content<'_> {
        let mut rest = self.bytes.get(record.start..).unwrap_or_default();
        let [key, value, content_type] = record.lengths.map(|length| {
            let (bytes, after) = rest.split_at_checked(length? as usize)?;
            rest = after;
            Some(bytes)
        });
        Content { key, value, content_type }
    }

    /// Returns whether there is nothing to apply and no offset to store.
    pub(super) const fn is_empty(&self) -> bool {
        self.records.is_empty() && self.reached.is_empty()
    }

    /// Records how far a partition has been read.
    pub(super) fn reach(&mut self, reached: Reached) {
        self.reached.retain(|earlier| earlier.partition != reached.partition);
        self.reached.push(reached);
    }

    /// Removes everything about `partition`, which was revoked or is read from another offset.
    pub(super) fn remove(&mut self, partition: i32) {
        self.reached.retain(|reached| reached.partition != partition);
        self.records.retain(|record| record.partition != partition);
        self.starts.retain(|start| start.partition != partition);
    }

    /// Returns the approximate memory that applying the chunk takes, in bytes.
    pub(super) const fn weight(&self) -> usize {
        self.bytes.len() + self.records.len() * WEIGHT + self.traced.len() * size_of::<Traced>()
    }
}

#[cfg(test)]
impl Chunk {
    /// Adds a record with only a value.
    pub(super) fn add_value(&mut self, partition: i32, offset: i64, value: &[u8]) {
        let record = KafkaRecord {
            partition,
            epoch: 1,
            offset,
            timestamp: -1,
            start: 0,
            lengths: [None; 3],
            traced: None,
        };
        self.add(record, Content { key: None, value: Some(value), content_type: None });
    }
}

impl Content<'_> {
    /// Returns whether the header declares the value as protobuf.
    pub(super) fn is_protobuf(&self) -> bool {
        self.content_type.is_some_and(api::media::is_protobuf)
    }
}

/// Returns the values of the headers `content-type`, `traceparent` and `tracestate`.
fn known(headers: &BorrowedHeaders) -> [Option<&[u8]>; 3] {
    let mut values = [None; 3];
    for Header { key, value } in headers.iter() {
        if let Some(known) = KNOWN.iter().position(|known| key.eq_ignore_ascii_case(known)) {
            values[known] = values[known].or(value);
        }
    }
    values
}

/// Returns the digest that identifies a record: FNV-1a of key and value. It is stored, so it must not change.
pub(super) fn digest(key: Option<&[u8]>, value: Option<&[u8]>) -> i64 {
    let part = |hash: u64, bytes: Option<&[u8]>| {
        // The length first, so that `a`, `b` and `ab`, `` differ.
        let length = bytes.map_or(u64::MAX, |bytes| bytes.len() as u64).to_le_bytes();
        let all = length.iter().chain(bytes.unwrap_or_default());
        all.fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    };
    part(part(0xcbf2_9ce4_8422_2325, key), value).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_distinguishes_key_from_value_and_null_from_empty() {
        let all = [
            digest(Some(b"a"), Some(b"b")),
            digest(Some(b"ab"), Some(b"")),
            digest(Some(b"ab"), None),
            digest(None, Some(b"ab")),
            digest(None, None),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|other| one != other));
        }
        assert_eq!(digest(Some(b"movie/1"), Some(b"{}")), digest(Some(b"movie/1"), Some(b"{}")));
    }
}
