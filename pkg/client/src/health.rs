//! Health of one instance as one client observes it: a pure state machine without clock, lock or randomness.

use crate::error::Class;
use std::time::Duration;
use tokio::time::Instant;

/// Length of the first ejection. Each further ejection in a row lasts twice as long as the one before.
pub(crate) const FIRST_EJECTION: Duration = Duration::from_millis(100);

/// How many times the length of an ejection doubles: up to 6.4 s.
const DOUBLINGS: u32 = 6;

/// Time from one probe to the next if the first gets no response; longer than a try usually may take.
pub(crate) const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// Time from the first response to the full share of the calls.
pub(crate) const SLOW_START: Duration = Duration::from_secs(1);

/// Share of a healthy instance after its slow start.
pub(crate) const FULL_SHARE: u64 = 1000;

/// Share of an instance at the beginning of its slow start.
const INITIAL_SHARE: u64 = 100;

/// Something that happened to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A call was sent to an unhealthy instance to test it.
    Probe,
    /// The service responded to a call, possibly with an error of its own.
    Success,
    /// A call failed because of the instance, or got no response for as long as one try may take.
    Failure,
    /// The other instance of a hedged call responded first.
    Outpaced,
}

impl Event {
    /// Returns what the end of a call means for its instance: nothing if the call ran out of time or if its
    /// connection was closed because of other calls.
    pub(crate) fn of(class: Class) -> Option<Self> {
        match class {
            Class::Application => Some(Self::Success),
            Class::Unavailable | Class::Unsent | Class::Broken => Some(Self::Failure),
            Class::Late | Class::Cut => None,
        }
    }
}

/// What the calls to an instance have shown so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HealthState {
    /// No call has ended yet.
    New { probe_at: Instant },
    /// The last call that changed the state succeeded.
    Healthy { full_share_at: Instant },
    /// The last calls failed: `ejections` times in a row, counting calls in flight at the same time once.
    Ejected { probe_at: Instant, ejections: u32 },
}

/// Health of an instance.
///
/// | state | calls that the instance gets |
/// |---|---|
/// | New | one probe, from `probe_at` on; other calls only if no instance is healthy |
/// | Healthy | a tenth of an even share after the first response, growing linearly to all of it at `full_share_at` |
/// | Ejected | one probe, from `probe_at` on; other calls only if no instance is healthy, and before `probe_at` only if all instances are ejected |
///
/// Transitions on an event at time `t`:
///
/// | state | event | next state | effect on picking |
/// |---|---|---|---|
/// | New | Probe | New, `probe_at` = t + 1 s | no second probe while the first is in flight |
/// | New | Success | Healthy, `full_share_at` = t + 1 s | slow start |
/// | New | Failure | Ejected once, `probe_at` = t + 100 ms | no calls |
/// | New | Outpaced | unchanged | |
/// | Healthy | Probe | unchanged | |
/// | Healthy | Success | unchanged | |
/// | Healthy | Failure | Ejected once, `probe_at` = t + 100 ms | no calls |
/// | Healthy | Outpaced | Healthy, `full_share_at` = t + 1 s | slow start again |
/// | Ejected n times | Probe | Ejected n times, `probe_at` = t + 1 s | no second probe while the first is in flight |
/// | Ejected n times | Success | Healthy, `full_share_at` = t + 1 s | slow start |
/// | Ejected n times | Failure | Ejected n + 1 times, `probe_at` = t + 100 ms × 2^min(n, 6) | no calls for longer |
/// | Ejected n times | Outpaced | unchanged | |
///
/// A transition on Success or Failure begins a new *generation*. Events of calls that were picked in an earlier
/// generation must be discarded: if ten calls fail together, the instance is ejected once, and a response to a call
/// from before an ejection does not end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Health {
    state: HealthState,
    generation: u64,
}

impl Health {
    /// Returns the health of an instance that joins others at `now`.
    pub(crate) fn new(now: Instant) -> Self {
        Self { state: HealthState::New { probe_at: now }, generation: 0 }
    }

    /// Returns the health of an instance that gets its full share from `now` on, without a probe.
    pub(crate) fn assumed_healthy(now: Instant) -> Self {
        Self { state: HealthState::Healthy { full_share_at: now }, generation: 0 }
    }

    /// Returns the health after `event`.
    pub(crate) fn after(self, event: Event, now: Instant) -> Self {
        use HealthState::{Ejected, Healthy, New};
        let state = match (self.state, event) {
            (New { .. }, Event::Probe) => New { probe_at: now + PROBE_INTERVAL },
            (Ejected { ejections, .. }, Event::Probe) => {
                Ejected { probe_at: now + PROBE_INTERVAL, ejections }
            }
            (New { .. } | Ejected { .. }, Event::Success) | (Healthy { .. }, Event::Outpaced) => {
                Healthy { full_share_at: now + SLOW_START }
            }
            (New { .. } | Healthy { .. }, Event::Failure) => {
                Ejected { probe_at: now + FIRST_EJECTION, ejections: 1 }
            }
            (Ejected { ejections, .. }, Event::Failure) => Ejected {
                probe_at: now + FIRST_EJECTION * (1 << ejections.min(DOUBLINGS)),
                ejections: ejections.saturating_add(1),
            },
            (Healthy { .. }, Event::Probe | Event::Success)
            | (New { .. } | Ejected { .. }, Event::Outpaced) => return self,
        };
        let begins_generation = matches!(event, Event::Success | Event::Failure);
        Self { state, generation: self.generation + u64::from(begins_generation) }
    }

    /// Returns whether `other` is the health of the same instance in the same generation.
    pub(crate) fn is_same_generation(self, other: Self) -> bool {
        self.generation == other.generation
    }

    /// Returns whether the instance gets calls other than probes.
    pub(crate) fn is_healthy(self) -> bool {
        matches!(self.state, HealthState::Healthy { .. })
    }

    /// Returns whether the last calls failed.
    pub(crate) fn is_ejected(self) -> bool {
        matches!(self.state, HealthState::Ejected { .. })
    }

    /// Returns when the next probe is due, unless the instance is healthy.
    pub(crate) fn probe_at(self) -> Option<Instant> {
        match self.state {
            HealthState::New { probe_at } | HealthState::Ejected { probe_at, .. } => Some(probe_at),
            HealthState::Healthy { .. } => None,
        }
    }

    /// Returns whether a probe is due.
    pub(crate) fn is_probe_due(self, now: Instant) -> bool {
        self.probe_at().is_some_and(|due| due <= now)
    }

    /// Returns whether nothing speaks against a call: the instance is not ejected, or its ejection is over.
    pub(crate) fn may_serve(self, now: Instant) -> bool {
        !self.is_ejected() || self.is_probe_due(now)
    }

    /// Returns the part of an even share of the calls that the instance gets, in thousandths ([`FULL_SHARE`]).
    pub(crate) fn share(self, now: Instant) -> u64 {
        let HealthState::Healthy { full_share_at } = self.state else { return 0 };
        if now >= full_share_at {
            return FULL_SHARE;
        }
        let remaining = (full_share_at - now).as_millis() as u64 * FULL_SHARE / SLOW_START.as_millis() as u64;
        FULL_SHARE.saturating_sub(remaining).max(INITIAL_SHARE)
    }
}

#[cfg(test)]
mod tests;
