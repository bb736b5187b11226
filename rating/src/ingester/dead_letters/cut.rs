//! How much of each part of a dead letter is kept, so that it fits the size limit of the topic.

/// The lengths, in bytes, of the parts of a letter that can be cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lengths {
    pub(super) key: usize,
    pub(super) value: usize,
    pub(super) content_type: usize,
    pub(super) reason: usize,
}

impl Lengths {
    /// Returns the sum of all parts.
    pub(super) const fn total(&self) -> usize {
        self.key + self.value + self.content_type + self.reason
    }

    /// Returns the lengths to keep, with a sum of at most `room`. The longest parts are cut, to the same length; a
    /// shorter part stays whole.
    pub(super) fn fit(&self, room: usize) -> Self {
        let mut sorted = [self.key, self.value, self.content_type, self.reason];
        sorted.sort_unstable();
        let (mut room, mut most) = (room, usize::MAX);
        for (parts_before, length) in sorted.into_iter().enumerate() {
            let share = room / (sorted.len() - parts_before);
            if length > share {
                most = share;
                break;
            }
            room -= length;
        }
        Self {
            key: self.key.min(most),
            value: self.value.min(most),
            content_type: self.content_type.min(most),
            reason: self.reason.min(most),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lengths(key: usize, value: usize, content_type: usize, reason: usize) -> Lengths {
        Lengths { key, value, content_type, reason }
    }

    #[test]
    fn longest_parts_are_cut_to_the_same_length() {
        let whole = lengths(1_048_498, 60, 0, 90);
        assert_eq!(whole.fit(2_000_000), whole);
        assert_eq!(whole.fit(1_000), lengths(850, 60, 0, 90));
        assert_eq!(lengths(500, 900, 10, 20).fit(830), lengths(400, 400, 10, 20));
        assert_eq!(whole.fit(0), Lengths::default());
    }

    proptest! {
        #[test]
        fn what_is_kept_fits_and_no_more_is_cut_than_needed(
            parts in prop::array::uniform4(prop_oneof![0..50_usize, 0..2_000_000_usize]),
            room in prop_oneof![0..200_usize, 0..4_000_000_usize],
        ) {
            let [key, value, content_type, reason] = parts;
            let whole = lengths(key, value, content_type, reason);
            let kept = whole.fit(room);
            prop_assert!(kept.total() <= room);
            let after = [kept.key, kept.value, kept.content_type, kept.reason];
            prop_assert!(parts.iter().zip(after).all(|(before, after)| after <= *before));
            if whole.total() <= room {
                prop_assert_eq!(kept, whole);
            } else {
                // Only the division's remainder is left over.
                prop_assert!(room - kept.total() < parts.len());
            }
        }
    }
}
