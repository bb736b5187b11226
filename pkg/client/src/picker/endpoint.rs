//! One instance with its connection, its calls in flight, and its standing.

use super::{DOUBLINGS, FIRST_EJECTION};
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
    pub(super) fn new(instance: Instance, connection: C) -> Self {
        let standing = AtomicU64::new(Standing::NEW.0);
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

/// In one word, so that it changes at once: until when the endpoint is ejected (upper 40 bits, milliseconds
/// since the picker's epoch), a count of the changes (20 bits), so that no two standings within reach of a
/// call are equal, and how many ejections there were in a row (4 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing(u64);

impl Standing {
    const NEW: Self = Self(0);

    /// Whether calls may go there at this time since the epoch.
    pub(super) fn is_well(self, at: Duration) -> bool {
        self.0 >> 24 <= at.as_millis() as u64
    }

    /// The standing after an answer: a clean slate.
    pub(super) fn answered(self) -> Self {
        if self.row() == 0 { self } else { self.then(0, 0) }
    }

    /// The standing after one more failure at this time since the epoch.
    pub(super) fn ejected(self, at: Duration) -> Self {
        let length = FIRST_EJECTION * (1 << self.row().min(DOUBLINGS));
        let until = (at + length).as_micros().div_ceil(1000) as u64;
        self.then(until, (self.row() + 1).min(DOUBLINGS))
    }

    fn row(self) -> u32 {
        (self.0 & 0xf) as u32
    }

    fn then(self, until: u64, row: u32) -> Self {
        let changes = ((self.0 >> 4) + 1) & 0xf_ffff;
        Self((until << 24) | (changes << 4) | u64::from(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ejections_in_a_row_double_from_100_ms_to_6400_ms() {
        let mut standing = Standing::NEW;
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
