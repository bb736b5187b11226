//! When a call may be the first one of an instance that is new or returns.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many calls there are to one probe at least: fewer retries than the budget pays for, should all probes fail.
const CALLS: u64 = 8;

/// How many probes may be made in a row, after as many calls without one.
const BURST: u64 = 4;

/// How often probes are made, and when the next one is due. Times are milliseconds since the picker's epoch.
#[derive(Debug)]
pub(super) struct Probes {
    /// No instance is due before.
    due: AtomicU64,
    /// Calls so far.
    calls: AtomicU64,
    /// The number of calls that will have paid for the probes that were made.
    paid: AtomicU64,
}

impl Probes {
    pub(super) fn new() -> Self {
        Self { due: AtomicU64::new(u64::MAX), calls: AtomicU64::new(0), paid: AtomicU64::new(0) }
    }

    /// Has an instance probed at `at` or later. Its standing must say so already.
    pub(super) fn expect(&self, at: u64) {
        self.due.fetch_min(at, Ordering::AcqRel);
    }

    /// Counts a call, and tells whether it may be a probe: then the caller looks at every instance, and expects
    /// the next.
    pub(super) fn may_be_one(&self, at: u64) -> bool {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed);
        let due = self.due.load(Ordering::Relaxed) <= at && self.paid(calls) + CALLS <= calls + BURST * CALLS;
        if due {
            self.due.swap(u64::MAX, Ordering::AcqRel);
        }
        due
    }

    /// Has the calls pay for a probe. Two threads that do so at once may pay for one.
    pub(super) fn pay(&self) {
        let calls = self.calls.load(Ordering::Relaxed);
        self.paid.store(self.paid(calls) + CALLS, Ordering::Relaxed);
    }

    fn paid(&self, calls: u64) -> u64 {
        self.paid.load(Ordering::Relaxed).max(calls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_burst_one_call_in_eight_may_be_a_probe() {
        let probes = Probes::new();
        let made: Vec<u64> = (0..60)
            .filter(|_| {
                probes.expect(7);
                let may = probes.may_be_one(7);
                if may {
                    probes.pay();
                }
                may
            })
            .collect();
        assert_eq!(made, [0, 1, 2, 3, 9, 17, 25, 33, 41, 49, 57]);
    }

    #[test]
    fn nothing_is_probed_before_it_is_due() {
        let probes = Probes::new();
        assert!(!probes.may_be_one(u64::MAX - 1));
        probes.expect(9);
        probes.expect(12);
        assert!(!probes.may_be_one(8));
        assert!(probes.may_be_one(9) && !probes.may_be_one(9), "one caller looks");
    }
}
