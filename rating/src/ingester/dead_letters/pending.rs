//! A letter that is not acknowledged yet, and how much of it the next attempt sends.

use super::cut::Lengths;
use super::letter::Letter;
use super::producers::Batching;
use crate::ingester::traced::TraceHeaders;
use model::Timestamp;
use rdkafka::message::{Header, OwnedHeaders};

/// An upper bound, without the topic's name, of the bytes of a letter that cannot be cut: the names of its headers,
/// the values of the other headers, and the framing of a batch of one record.
const OVERHEAD: usize = 400;

/// A letter to send.
pub(super) struct Pending<'a> {
    letter: &'a Letter<'a>,
    reason: String,
    /// The topic that the record came from.
    topic: &'a str,
    batching: Batching,
    whole: Lengths,
    kept: Lengths,
}

impl<'a> Pending<'a> {
    /// Starts with the whole letter.
    pub(super) fn new(letter: &'a Letter<'a>, topic: &'a str) -> Self {
        let reason = letter.reason.to_string();
        let length = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
        let whole = Lengths {
            key: length(letter.content.key),
            value: length(letter.content.value),
            content_type: length(letter.content.content_type),
            reason: reason.len(),
        };
        Self { letter, reason, topic, batching: Batching::Shared, whole, kept: whole }
    }

    /// Returns how the letter is batched.
    pub(super) const fn batching(&self) -> Batching {
        self.batching
    }

    /// Makes the next attempt smaller, because this one was too large; returns false if nothing is left to cut.
    /// Brokers limit batches, so a letter that was batched with others is first sent alone.
    pub(super) fn shrink(&mut self) -> bool {
        if self.batching == Batching::Shared {
            self.batching = Batching::Alone;
            return true;
        }
        if self.kept.total() == 0 {
            return false;
        }
        self.fit((self.kept.total() + self.overhead()) / 2);
        true
    }

    /// Cuts the letter to `limit` bytes in all.
    fn fit(&mut self, limit: usize) {
        self.kept = self.whole.fit(limit.saturating_sub(self.overhead()));
    }

    fn overhead(&self) -> usize {
        OVERHEAD + self.topic.len() + self.letter.trace.map_or(0, |trace| trace.len())
    }

    /// Returns the part of the key to send.
    pub(super) fn key(&self) -> Option<&'a [u8]> {
        self.letter.content.key.map(|key| &key[..self.kept.key])
    }

    /// Returns the part of the value to send.
    pub(super) fn value(&self) -> Option<&'a [u8]> {
        self.letter.content.value.map(|value| &value[..self.kept.value])
    }

    /// Returns the headers: the origin of the record, the reason, and the original length of each part that is cut.
    pub(super) fn headers(&self) -> OwnedHeaders {
        let mut headers = OwnedHeaders::new();
        let mut add = |key: &str, value: &[u8]| {
            let grown = std::mem::replace(&mut headers, OwnedHeaders::new_with_capacity(0));
            headers = grown.insert(Header { key, value: Some(value) });
        };
        let Letter { partition, offset, content, trace, .. } = self.letter;
        if let Some(content_type) = content.content_type {
            add("content-type", &content_type[..self.kept.content_type]);
        }
        if let Some(TraceHeaders { traceparent, tracestate }) = *trace {
            add("traceparent", traceparent);
            if let Some(state) = tracestate {
                add("tracestate", state);
            }
        }
        add("topic", self.topic.as_bytes());
        add("partition", partition.to_string().as_bytes());
        add("offset", offset.to_string().as_bytes());
        let reason = &self.reason[..self.reason.floor_char_boundary(self.kept.reason)];
        add("reason", reason.as_bytes());
        add("time", Timestamp::now().to_string().as_bytes());
        for (name, kept, whole) in [
            ("cut", self.kept.value, self.whole.value),
            ("cut-key", self.kept.key, self.whole.key),
            ("cut-content-type", self.kept.content_type, self.whole.content_type),
            ("cut-reason", self.kept.reason, self.whole.reason),
        ] {
            if kept < whole {
                add(name, whole.to_string().as_bytes());
            }
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingester::chunk::Content;
    use crate::ingester::decode::Rejected;
    use proptest::prelude::*;
    use rdkafka::message::Headers;
    use std::collections::BTreeMap;

    fn part() -> impl Strategy<Value = Option<Vec<u8>>> {
        let length = prop_oneof![0..50_usize, 0..30_000_usize];
        prop::option::of(length.prop_map(|length| vec![b'x'; length]))
    }

    proptest! {
        #[test]
        fn letter_truncated_to_any_limit_fits_and_names_original_lengths(
            (key, value, content_type) in (part(), part(), part()),
            reason in "[aé]{0,600}",
            topic in "[a-z]{1,245}",
            offset in 0..i64::MAX,
            state in "[a-z]{0,512}",
            limit in 1_300..100_000_usize,
        ) {
            let traceparent = [b'0'; 55];
            let trace = TraceHeaders { traceparent: &traceparent, tracestate: Some(state.as_bytes()) };
            let content = Content {
                key: key.as_deref(),
                value: value.as_deref(),
                content_type: content_type.as_deref(),
            };
            let letter = Letter { partition: i32::MAX, offset, content, trace: Some(trace), reason: Rejected::Invalid(reason.clone()) };
            let mut pending = Pending::new(&letter, &topic);
            pending.fit(limit);

            let headers = pending.headers();
            let size = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
            let of_headers: usize = headers.iter().map(|header| header.key.len() + size(header.value)).sum();
            prop_assert!(size(pending.key()) + size(pending.value()) + of_headers <= limit);

            let found: BTreeMap<&str, &[u8]> =
                headers.iter().map(|header| (header.key, header.value.unwrap_or_default())).collect();
            prop_assert_eq!(found.get("traceparent").copied(), Some(&traceparent[..]));
            prop_assert_eq!(found.get("tracestate").copied(), Some(state.as_bytes()));
            for (name, kept, original) in [
                ("cut", pending.value(), value.as_deref()),
                ("cut-key", pending.key(), key.as_deref()),
                ("cut-content-type", found.get("content-type").copied(), content_type.as_deref()),
                ("cut-reason", found.get("reason").copied(), Some(reason.as_bytes())),
            ] {
                prop_assert_eq!(kept.is_some(), original.is_some());
                prop_assert!(original.unwrap_or_default().starts_with(kept.unwrap_or_default()), "{}", name);
                let length = (size(kept) < size(original)).then(|| size(original).to_string());
                prop_assert_eq!(found.get(name).copied(), length.as_deref().map(str::as_bytes));
            }
        }

        #[test]
        fn letter_shrinks_to_nothing_in_few_steps(key in part(), value in part()) {
            let content = Content { key: key.as_deref(), value: value.as_deref(), content_type: None };
            let letter = Letter { partition: 0, offset: 0, content, trace: None, reason: Rejected::Null };
            let mut pending = Pending::new(&letter, "ratings");
            let steps = (0..40).take_while(|_| pending.shrink()).count();
            prop_assert!(steps < 20 && pending.kept.total() == 0, "{} steps", steps);
        }
    }
}
