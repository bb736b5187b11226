//! One instance with its connection, its calls in flight, and its standing.

use super::{DOUBLINGS, FIRST_EJECTION, FULL, LEAST, PROBE, SLOW_START};
use discovery::Instance;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// An instance and the connection to it.
#[derive(Debug)]
pub struct Endpoint<C> {
    instance: Instance,
    connection: C,
    pub(super) in_flight: AtomicUsize,
    standing: AtomicU64,
}

impl<C> Endpoint<C> {
    pub(super) fn new(instance: Instance, connection: C, standing: Standing) -> Self {
        let standing = AtomicU64::new(standing.0);
        Self { instance, connection, in_flight: AtomicUsize::new(0), standing }
    }

    /// The instance.
    #[must_use]
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// The connection to it.
    #[must_use]
    pub fn connection(&self) -> &C {
        &self.connection
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn standing(&self) -> Standing {
        Standing(self.standing.load(Ordering::Relaxed))
    }

    /// Moves the standing on to `next`, unless a fresher call has told since it was `seen`. Tells whether that
    /// was a change.
    pub(super) fn move_on(&self, seen: Standing, next: impl Fn(Standing) -> Standing) -> bool {
        let moved = self.standing.try_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
            let now = Standing(now);
            let next = next(now);
            (now.changes() == seen.changes() && next != now).then_some(next.0)
        });
        moved.is_ok()
    }
}

/// In one word, so that it changes at once: since when the endpoint is well, or until when nothing is to be
/// sent there (upper 40 bits, milliseconds since the picker's epoch), a count of what calls have told (20 bits),
/// so that no two standings within reach of a call are equal, whether it is well (1 bit), and how many ejections
/// there were in a row (3 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing(u64);

const WELL: u64 = 1 << 3;

impl Standing {
    /// Well since the epoch.
    pub(super) fn well() -> Self {
        Self(WELL)
    }

    /// Not known to be well, and to be probed from this time since the epoch on.
    pub(super) fn new(probe: Duration) -> Self {
        Self(milliseconds(probe) << 24)
    }

    /// Whether a call was answered since it came or was last ejected.
    pub(super) fn is_well(self) -> bool {
        self.0 & WELL != 0
    }

    /// Whether calls failed there, and none was answered since.
    pub(super) fn has_failed(self) -> bool {
        self.row() > 0
    }

    /// Whether it is to be probed.
    fn is_due(self, at: Duration) -> bool {
        !self.is_well() && self.turn() <= milliseconds(at)
    }

    /// Whether it is well, or may be for all that is known.
    pub(super) fn may_serve(self, at: Duration) -> bool {
        !self.has_failed() || self.is_due(at)
    }

    /// How much of its even share of the calls the endpoint gets at this time since the epoch, of [`FULL`]:
    /// none while it isn't well, then from [`LEAST`] all the more until [`SLOW_START`] is over.
    pub(super) fn share(self, at: Duration) -> u64 {
        if !self.is_well() {
            return 0;
        }
        let age = milliseconds(at).saturating_sub(self.turn());
        (age * FULL / milliseconds(SLOW_START)).clamp(LEAST, FULL)
    }

    /// The standing while a probe that was sent at this time since the epoch is under way, if one was due.
    pub(super) fn probed(self, at: Duration) -> Self {
        if self.is_due(at) { self.turning(at + PROBE) } else { self }
    }

    /// The standing after an answer at this time since the epoch: failures are forgotten, an ejection ends.
    pub(super) fn answered(self, at: Duration) -> Self {
        if self.is_well() { self } else { self.then(milliseconds(at), WELL) }
    }

    /// The standing after another endpoint was quicker at this time since the epoch. What the calls under way
    /// tell is still news.
    pub(super) fn outrun(self, at: Duration) -> Self {
        if self.is_well() { self.turning(at) } else { self }
    }

    /// The standing after one more failure at this time since the epoch.
    pub(super) fn ejected(self, at: Duration) -> Self {
        let length = FIRST_EJECTION * (1 << self.row().min(DOUBLINGS));
        let until = (at + length).as_micros().div_ceil(1000) as u64;
        self.then(until, u64::from((self.row() + 1).min(DOUBLINGS)))
    }

    /// Since when it is well, or when it is to be probed.
    pub(super) fn turn(self) -> u64 {
        self.0 >> 24
    }

    fn row(self) -> u32 {
        (self.0 & 0x7) as u32
    }

    fn changes(self) -> u64 {
        (self.0 >> 4) & 0xf_ffff
    }

    /// The same with another turn.
    fn turning(self, turn: Duration) -> Self {
        Self((milliseconds(turn) << 24) | (self.0 & 0xff_ffff))
    }

    fn then(self, turn: u64, state: u64) -> Self {
        let changes = (self.changes() + 1) & 0xf_ffff;
        Self((turn << 24) | (changes << 4) | state)
    }
}

pub(super) fn milliseconds(at: Duration) -> u64 {
    at.as_millis() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ejections_in_a_row_double_from_100_ms_to_6400_ms() {
        let mut standing = Standing::well();
        let mut now = Duration::from_secs(5);
        for length in [100, 200, 400, 800, 1600, 3200, 6400, 6400] {
            standing = standing.ejected(now);
            let end = now + Duration::from_millis(length);
            assert!(!standing.may_serve(end - Duration::from_millis(1)), "{length} ms");
            assert!(standing.is_due(end), "{length} ms");
            now = end;
        }
    }

    #[test]
    fn a_probe_that_is_never_answered_is_made_again_after_a_second() {
        let ejected = Standing::well().ejected(Duration::from_secs(1));
        let probed = ejected.probed(Duration::from_secs(2));
        assert!(!probed.is_due(Duration::from_millis(2999)) && probed.is_due(Duration::from_secs(3)));
        assert_eq!(probed.changes(), ejected.changes(), "what its call tells is news");
        assert_eq!(probed.row(), 1, "it is no answer");
    }
}
