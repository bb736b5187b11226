//! The offset from which a partition is read: the stored position, checked against the offsets that the brokers have.

use super::config::OnLostOffset;
use crate::batch::Position;
use rdkafka::Offset;

/// Where to start reading a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StartOffset {
    /// At this offset. If the last applied record still exists, it is read first, to verify that the topic is the same.
    At { offset: Offset, unverified: Option<Position> },
    /// At the beginning, although the partition was read before, for the given reason.
    Beginning(String),
    /// Nowhere, for the given reason.
    Lost(String),
}

/// Returns where to start in a partition with the offsets from `low` up to, but not including, `high`.
pub(super) fn start_offset(
    stored: Option<&Position>,
    low: i64,
    high: i64,
    on_lost: OnLostOffset,
) -> StartOffset {
    let Some(position) = stored else {
        return StartOffset::At { offset: Offset::Beginning, unverified: None };
    };
    let next = position.next_offset;
    if let Some(reason) = out_of_range(next, low, high) {
        return lost(reason, on_lost);
    }
    // No event is between the last record and `next`, so reading from there has no effect.
    if position.last_offset() >= low {
        StartOffset::At { offset: Offset::Offset(position.last_offset()), unverified: Some(position.clone()) }
    } else {
        StartOffset::At { offset: Offset::Offset(next), unverified: None }
    }
}

/// Returns what to do if the position is lost.
pub(super) fn lost(reason: String, on_lost: OnLostOffset) -> StartOffset {
    match on_lost {
        OnLostOffset::Fail => StartOffset::Lost(reason),
        OnLostOffset::Earliest => StartOffset::Beginning(reason),
    }
}

/// Returns why reading can't continue at `next`.
fn out_of_range(next: i64, low: i64, high: i64) -> Option<String> {
    if next < low {
        return Some(format!(
            "the next offset to apply is {next}, but the topic begins at {low}: events are lost"
        ));
    }
    if next > high {
        return Some(format!(
            "the next offset to apply is {next}, but the topic ends at {high}: this is not the topic that was read before"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(next_offset: i64) -> Position {
        Position { next_offset, skipped: 0, last_timestamp: 1, last_digest: 2 }
    }

    fn fail(next_offset: i64, low: i64, high: i64) -> StartOffset {
        start_offset(Some(&stored(next_offset)), low, high, OnLostOffset::Fail)
    }

    #[test]
    fn unknown_partition_is_read_from_its_beginning() {
        let beginning = StartOffset::At { offset: Offset::Beginning, unverified: None };
        assert_eq!(start_offset(None, 5, 9, OnLostOffset::Fail), beginning);
    }

    #[test]
    fn last_applied_record_is_read_again_if_it_still_exists() {
        assert_eq!(fail(7, 5, 9), StartOffset::At { offset: Offset::Offset(6), unverified: Some(stored(7)) });
        assert_eq!(fail(9, 5, 9), StartOffset::At { offset: Offset::Offset(8), unverified: Some(stored(9)) });
        assert_eq!(fail(5, 5, 9), StartOffset::At { offset: Offset::Offset(5), unverified: None });
    }

    #[test]
    fn offsets_without_events_may_be_gone() {
        let mut position = stored(8);
        position.skip_to(11);
        let at = |low, high| start_offset(Some(&position), low, high, OnLostOffset::Fail);
        let unverified = Some(position.clone());
        assert_eq!(at(0, 11), StartOffset::At { offset: Offset::Offset(7), unverified });
        for low in 8..=11 {
            assert_eq!(
                at(low, 20),
                StartOffset::At { offset: Offset::Offset(11), unverified: None },
                "{low}"
            );
        }
        assert!(matches!(at(12, 20), StartOffset::Lost(_)));
        let mut nothing_read = Position { next_offset: 0, skipped: 0, last_timestamp: -1, last_digest: 0 };
        nothing_read.skip_to(4);
        assert_eq!(nothing_read.last_offset(), -1);
    }

    #[test]
    fn missing_offset_is_lost_or_starts_from_beginning() {
        for (low, high) in [(8, 9), (0, 6), (0, 0)] {
            assert!(matches!(fail(7, low, high), StartOffset::Lost(_)), "{low} {high}");
            let over = start_offset(Some(&stored(7)), low, high, OnLostOffset::Earliest);
            assert!(matches!(over, StartOffset::Beginning(_)), "{low} {high}");
        }
    }
}
