//! What a lane is given at once: records of its partitions, as they came from Kafka.

use crate::batch::Position;
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers};

/// What a record weighs beside its bytes: its own fields, in two of the three chunks that a lane has also the write
/// that it becomes, and in one of these what applying it takes.
const WEIGHT: usize = 200;

const CONTENT_TYPE: &str = "content-type";

/// Records in the order of their partitions, with their bytes in one place.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// Partitions that begin to be read again with this chunk.
    pub(super) starts: Vec<Start>,
    /// How far partitions are read beyond their last record of this chunk, or of an earlier one.
    pub(super) reached: Vec<Reached>,
    /// The records.
    pub(super) records: Vec<Record>,
    bytes: Vec<u8>,
}

/// A partition begins to be read, or begins again.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub(super) partition: i32,
    /// Distinguishes this reading of the partition from all earlier ones.
    pub(super) epoch: u64,
    /// The position that is stored now.
    pub(super) stored: Option<Position>,
}

/// A partition is read up to an offset, with no record between the last one and that offset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached {
    pub(super) partition: i32,
    pub(super) epoch: u64,
    pub(super) next: i64,
}

/// A record of the topic; its bytes are in its chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) partition: i32,
    pub(super) epoch: u64,
    pub(super) offset: i64,
    /// Milliseconds since 1970, or -1 where the record has no time.
    pub(super) timestamp: i64,
    /// Where its bytes begin: those of the key, then the value, then the content type; and how long each is.
    start: usize,
    lengths: [Option<u32>; 3],
}

/// A record's own bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content<'a> {
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) content_type: Option<&'a [u8]>,
}

impl Chunk {
    /// An empty chunk with room for as much as this one holds.
    pub(super) fn another(&self) -> Self {
        Self {
            starts: Vec::new(),
            reached: Vec::new(),
            records: Vec::with_capacity(self.records.len()),
            bytes: Vec::with_capacity(self.bytes.len()),
        }
    }

    /// Adds a copy of `message`, which belongs to the reading `epoch` of its partition.
    pub(super) fn push(&mut self, message: &BorrowedMessage<'_>, epoch: u64) {
        let content_type = message.headers().and_then(|headers| {
            headers
                .iter()
                .find(|header| header.key.eq_ignore_ascii_case(CONTENT_TYPE))
                .and_then(|header| header.value)
        });
        let record = Record {
            partition: message.partition(),
            epoch,
            offset: message.offset(),
            timestamp: message.timestamp().to_millis().unwrap_or(-1),
            start: 0,
            lengths: [None; 3],
        };
        self.add(record, Content { key: message.key(), value: message.payload(), content_type });
    }

    /// Adds a copy of `record` with this content.
    fn add(&mut self, record: Record, content: Content<'_>) {
        let parts = [content.key, content.value, content.content_type];
        // Kafka's own lengths are 31 bits.
        let lengths = parts.map(|part| part.map(|bytes| u32::try_from(bytes.len()).unwrap_or(u32::MAX)));
        self.records.push(Record { start: self.bytes.len(), lengths, ..record });
        parts.into_iter().flatten().for_each(|bytes| self.bytes.extend_from_slice(bytes));
    }

    /// The bytes of one of the chunk's records.
    pub(super) fn content(&self, record: &Record) -> Content<'_> {
        let mut rest = self.bytes.get(record.start..).unwrap_or_default();
        let [key, value, content_type] = record.lengths.map(|length| {
            let (bytes, after) = rest.split_at_checked(length? as usize)?;
            rest = after;
            Some(bytes)
        });
        Content { key, value, content_type }
    }

    /// Whether there is nothing to apply and no offset to store.
    pub(super) const fn is_empty(&self) -> bool {
        self.records.is_empty() && self.reached.is_empty()
    }

    /// Notes how far a partition is read.
    pub(super) fn reach(&mut self, reached: Reached) {
        self.reached.retain(|earlier| earlier.partition != reached.partition);
        self.reached.push(reached);
    }

    /// Drops the records of `partition`, which another consumer reads now, or which is read from another offset.
    pub(super) fn forget(&mut self, partition: i32) {
        self.reached.retain(|reached| reached.partition != partition);
        self.records.retain(|record| record.partition != partition);
        self.starts.retain(|start| start.partition != partition);
    }

    /// About how much memory applying it takes, in bytes.
    pub(super) const fn weight(&self) -> usize {
        self.bytes.len() + self.records.len() * WEIGHT
    }
}

#[cfg(test)]
impl Chunk {
    /// Adds a record with only a value.
    pub(super) fn add_value(&mut self, partition: i32, offset: i64, value: &[u8]) {
        let record = Record { partition, epoch: 1, offset, timestamp: -1, start: 0, lengths: [None; 3] };
        self.add(record, Content { key: None, value: Some(value), content_type: None });
    }
}

impl Content<'_> {
    /// Returns true if the header says that the value is protobuf.
    pub(super) fn is_protobuf(&self) -> bool {
        self.content_type.is_some_and(api::media::is_protobuf)
    }
}

/// The digest by which a record is known again: FNV-1a over key and value, the same in every version.
pub(super) fn digest(key: Option<&[u8]>, value: Option<&[u8]>) -> i64 {
    let part = |hash: u64, bytes: Option<&[u8]>| {
        // The length first, or `a` and `b` would be as `ab` and nothing.
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
    fn a_digest_tells_key_from_value_and_null_from_empty() {
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
