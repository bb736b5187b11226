//! Where a partition is read from: the stored position, checked against what the brokers have.

use super::OnLostOffset;
use crate::batch::Position;
use rdkafka::Offset;

/// Where to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At the offset. If the last applied record is still there, it is read first, to recognize the topic.
    At { offset: Offset, known: Option<Position> },
    /// From the beginning, for the reason given, though the topic was read before.
    Over(String),
    /// Nowhere, for the reason given.
    Lost(String),
}

/// Finds the place in a partition whose offsets go from `low` to before `high`.
pub(super) fn place(stored: Option<&Position>, low: i64, high: i64, on_lost: OnLostOffset) -> Place {
    let Some(position) = stored else { return Place::At { offset: Offset::Beginning, known: None } };
    let next = position.next_offset;
    if let Some(reason) = out_of_range(next, low, high) {
        return lost(reason, on_lost);
    }
    // What follows the last record up to `next` holds no event, so reading it again has no effect.
    if position.last_offset() >= low {
        Place::At { offset: Offset::Offset(position.last_offset()), known: Some(position.clone()) }
    } else {
        Place::At { offset: Offset::Offset(next), known: None }
    }
}

/// What to do where the position is lost.
pub(super) fn lost(reason: String, on_lost: OnLostOffset) -> Place {
    match on_lost {
        OnLostOffset::Fail => Place::Lost(reason),
        OnLostOffset::Earliest => Place::Over(reason),
    }
}

/// Says why reading can't go on at `next`.
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

    fn fail(next_offset: i64, low: i64, high: i64) -> Place {
        place(Some(&stored(next_offset)), low, high, OnLostOffset::Fail)
    }

    #[test]
    fn an_unknown_partition_is_read_from_its_beginning() {
        let beginning = Place::At { offset: Offset::Beginning, known: None };
        assert_eq!(place(None, 5, 9, OnLostOffset::Fail), beginning);
    }

    #[test]
    fn the_last_applied_record_is_read_again_where_it_is_still_there() {
        assert_eq!(fail(7, 5, 9), Place::At { offset: Offset::Offset(6), known: Some(stored(7)) });
        assert_eq!(fail(9, 5, 9), Place::At { offset: Offset::Offset(8), known: Some(stored(9)) });
        assert_eq!(fail(5, 5, 9), Place::At { offset: Offset::Offset(5), known: None });
    }

    #[test]
    fn offsets_without_events_may_be_gone() {
        let mut position = stored(8);
        position.skip_to(11);
        let at = |low, high| place(Some(&position), low, high, OnLostOffset::Fail);
        let known = Some(position.clone());
        assert_eq!(at(0, 11), Place::At { offset: Offset::Offset(7), known });
        for low in 8..=11 {
            assert_eq!(at(low, 20), Place::At { offset: Offset::Offset(11), known: None }, "{low}");
        }
        assert!(matches!(at(12, 20), Place::Lost(_)));
        let mut nothing_read = Position { next_offset: 0, skipped: 0, last_timestamp: -1, last_digest: 0 };
        nothing_read.skip_to(4);
        assert_eq!(nothing_read.last_offset(), -1);
    }

    #[test]
    fn an_offset_that_is_not_there_is_lost_or_starts_over() {
        for (low, high) in [(8, 9), (0, 6), (0, 0)] {
            assert!(matches!(fail(7, low, high), Place::Lost(_)), "{low} {high}");
            let over = place(Some(&stored(7)), low, high, OnLostOffset::Earliest);
            assert!(matches!(over, Place::Over(_)), "{low} {high}");
        }
    }
}
