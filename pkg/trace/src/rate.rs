//! A limit on the number of events in each second.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// Admits at most so many events in each second since its creation.
#[derive(Debug)]
pub(crate) struct RateLimit {
    began: Instant,
    limit: u32,
    /// The current second and the number of events admitted in it, as two halves.
    admitted: AtomicU64,
}

impl RateLimit {
    pub(crate) fn new(limit: u32) -> Self {
        Self { began: Instant::now(), limit, admitted: AtomicU64::new(0) }
    }

    /// Returns true if one more event is admitted now.
    pub(crate) fn admit(&self) -> bool {
        self.admit_in(self.began.elapsed().as_secs())
    }

    fn admit_in(&self, second: u64) -> bool {
        let second = (second & u64::from(u32::MAX)) << 32;
        let count = |admitted: u64| if admitted >> 32 << 32 == second { admitted - second } else { 0 };
        let admit = |admitted| {
            let count = count(admitted);
            (count < u64::from(self.limit)).then_some(second + count + 1)
        };
        self.admitted.fetch_update(Relaxed, Relaxed, admit).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_admits_its_own_events() {
        let limit = RateLimit::new(3);
        let admitted = |second| (0..10).filter(|_| limit.admit_in(second)).count();
        assert_eq!([0, 0, 1, 7, 7].map(admitted), [3, 0, 3, 3, 0]);
        assert!(!RateLimit::new(0).admit());
    }
}
