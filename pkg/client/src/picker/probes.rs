//! When a call may be a probe of an unhealthy instance.

use tokio::time::Instant;

/// Minimum number of calls per probe. If every probe fails, this needs fewer retries than the retry budget allows.
const CALLS_PER_PROBE: u64 = 8;

/// Number of probes that may follow each other directly after a period without probes.
const BURST: u64 = 4;

/// Time of the next probe, and a leaky bucket that limits probes to a fraction of the calls.
#[derive(Debug, Default)]
pub(super) struct Probes {
    /// No instance is due before; absent if none is expected.
    next: Option<Instant>,
    /// Calls that must be made before all earlier probes are paid for.
    debt: u64,
}

impl Probes {
    /// Schedules a probe at `due`, if given.
    pub(super) fn expect(&mut self, due: Option<Instant>) {
        self.next = self.next.into_iter().chain(due).min();
    }

    /// Counts a call and returns whether it may be a probe. If so, the caller must check every instance and
    /// schedule the next probe.
    pub(super) fn count_call(&mut self, now: Instant) -> bool {
        let affordable = self.debt + CALLS_PER_PROBE <= BURST * CALLS_PER_PROBE;
        self.debt = self.debt.saturating_sub(1);
        affordable && self.next.take_if(|next| *next <= now).is_some()
    }

    /// Charges a probe to the calls that follow.
    pub(super) fn charge(&mut self) {
        self.debt += CALLS_PER_PROBE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn one_call_in_eight_may_be_a_probe_after_a_burst() {
        let now = Instant::now();
        let mut probes = Probes::default();
        let made: Vec<u64> = (0..60)
            .filter(|_| {
                probes.expect(Some(now));
                let may = probes.count_call(now);
                if may {
                    probes.charge();
                }
                may
            })
            .collect();
        assert_eq!(made, [0, 1, 2, 3, 9, 17, 25, 33, 41, 49, 57]);
    }

    #[test]
    fn nothing_is_probed_before_it_is_due() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut probes = Probes::default();
        assert!(!probes.count_call(at(1 << 40)));
        probes.expect(Some(at(9)));
        probes.expect(Some(at(12)));
        assert!(!probes.count_call(at(8)));
        assert!(probes.count_call(at(9)) && !probes.count_call(at(9)), "one caller checks");
    }
}
