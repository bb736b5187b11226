//! One instance with its connection, its calls in flight, and its standing.

use super::{DOUBLINGS, FIRST_EJECTION, FULL, LEAST, SLOW_START};
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
    pub(super) fn new(instance: Instance, connection: C, well_since: Duration) -> Self {
        let standing = AtomicU64::new(Standing::new(well_since).0);
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

    /// Changes the standing, unless it has changed since it was `seen`.
    pub(super) fn move_on(&self, seen: Standing, next: Standing) {
        if seen != next {
            // A failed exchange means that a fresher call has told already.
            let _ = self.standing.compare_exchange(seen.0, next.0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

/// In one word, so that it changes at once: since when the endpoint is well or until when it is ejected
/// (upper 40 bits, milliseconds since the picker's epoch), a count of the changes (20 bits), so that no two
/// standings within reach of a call are equal, and how many ejections there were in a row (4 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing(u64);

impl Standing {
    fn new(well_since: Duration) -> Self {
        Self(milliseconds(well_since) << 24)
    }

    /// Whether calls may go there at this time since the epoch.
    pub(super) fn is_well(self, at: Duration) -> bool {
        self.turn() <= milliseconds(at)
    }

    /// How much of its even share of the calls the endpoint gets at this time since the epoch, of [`FULL`]:
    /// none while it is ejected, then from [`LEAST`] all the more until [`SLOW_START`] is over.
    pub(super) fn share(self, at: Duration) -> u64 {
        match milliseconds(at).checked_sub(self.turn()) {
            Some(age) => (age * FULL / milliseconds(SLOW_START)).clamp(LEAST, FULL),
            None => 0,
        }
    }

    /// The standing after an answer at this time since the epoch: failures are forgotten, an ejection ends.
    pub(super) fn answered(self, at: Duration) -> Self {
        if self.row() == 0 { self } else { self.then(self.turn().min(milliseconds(at)), 0) }
    }

    /// The standing after one more failure at this time since the epoch.
    pub(super) fn ejected(self, at: Duration) -> Self {
        let length = FIRST_EJECTION * (1 << self.row().min(DOUBLINGS));
        let until = (at + length).as_micros().div_ceil(1000) as u64;
        self.then(until, (self.row() + 1).min(DOUBLINGS))
    }

    /// Since when it is well, or until when it is ejected.
    fn turn(self) -> u64 {
        self.0 >> 24
    }

    fn row(self) -> u32 {
        (self.0 & 0xf) as u32
    }

    fn then(self, turn: u64, row: u32) -> Self {
        let changes = ((self.0 >> 4) + 1) & 0xf_ffff;
        Self((turn << 24) | (changes << 4) | u64::from(row))
    }
}

fn milliseconds(at: Duration) -> u64 {
    at.as_millis() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ejections_in_a_row_double_from_100_ms_to_6400_ms() {
        let mut standing = Standing::new(Duration::ZERO);
        let mut now = Duration::from_secs(5);
        for length in [100, 200, 400, 800, 1600, 3200, 6400, 6400] {
            standing = standing.ejected(now);
            let end = now + Duration::from_millis(length);
            assert!(!standing.is_well(end - Duration::from_millis(1)), "{length} ms");
            assert!(standing.is_well(end), "{length} ms");
            now = end;
        }
    }
}
