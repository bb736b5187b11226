//! The retry budget: how many further tries the calls of the last seconds allow.
//!
//! tower's `TpsBudget` follows the same rules, but does not report its balance.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How many slots the window has; the window moves on by one slot at a time.
const SLOTS: usize = 10;

/// How long a slot is used for new calls. A call counts for about 2 s.
const SLOT: Duration = Duration::from_millis(200);

/// Calls that allow one further try. Together with the reserve and a burst after quiet times, a service whose instances
/// all fail gets at most 1.2 times the calls.
const CALLS_PER_TRY: i64 = 6;

/// Further tries within the window that are allowed without any calls: 4 per second.
const RESERVE: i64 = 8;

/// The budget of one client.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    /// The calls of each slot, minus those that further tries have used up.
    slots: [i64; SLOTS],
    current: usize,
    /// When the current slot began.
    began: Instant,
}

impl RetryBudget {
    pub(crate) fn new() -> Self {
        Self { window: Mutex::new(Window { slots: [0; SLOTS], current: 0, began: Instant::now() }) }
    }

    /// Adds a call.
    pub(crate) fn deposit(&self) {
        let window = &mut *self.current_window();
        window.slots[window.current] += 1;
    }

    /// Takes one further try. Returns false if the budget is used up.
    pub(crate) fn withdraw(&self) -> bool {
        let window = &mut *self.current_window();
        let allowed = window.balance() >= CALLS_PER_TRY;
        if allowed {
            window.slots[window.current] -= CALLS_PER_TRY;
        }
        allowed
    }

    /// Returns how many further tries are allowed now.
    pub(crate) fn balance(&self) -> u64 {
        u64::try_from(self.current_window().balance() / CALLS_PER_TRY).unwrap_or(0)
    }

    fn current_window(&self) -> MutexGuard<'_, Window> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.advance(Instant::now());
        window
    }
}

impl Window {
    fn advance(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.began);
        if elapsed < SLOT {
            return;
        }
        let slots = u32::try_from(elapsed.as_millis() / SLOT.as_millis()).unwrap_or(u32::MAX);
        for _ in 0..slots.min(SLOTS as u32) {
            self.current = (self.current + 1) % SLOTS;
            self.slots[self.current] = 0;
        }
        self.began += SLOT * slots;
    }

    fn balance(&self) -> i64 {
        self.slots.iter().sum::<i64>() + RESERVE * CALLS_PER_TRY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    fn withdraw_all(budget: &RetryBudget) -> u64 {
        let balance = budget.balance();
        let taken = (0..).take_while(|_| budget.withdraw()).count() as u64;
        assert_eq!((taken, budget.balance()), (balance, 0));
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn calls_and_reserve_allow_tries_within_the_window() {
        let budget = RetryBudget::new();
        assert_eq!(withdraw_all(&budget), 8, "the reserve");
        (0..59).for_each(|_| budget.deposit());
        assert_eq!(withdraw_all(&budget), 9);
        advance(SLOT * 9).await;
        assert!(!budget.withdraw(), "what was taken still counts");
        advance(SLOT).await;
        assert_eq!(withdraw_all(&budget), 8, "calls and tries are forgotten together");
    }

    #[tokio::test(start_paused = true)]
    async fn budget_does_not_grow_over_quiet_times() {
        let budget = RetryBudget::new();
        (0..600).for_each(|_| budget.deposit());
        assert_eq!(budget.balance(), 108);
        advance(SLOT * 3).await;
        (0..60).for_each(|_| budget.deposit());
        advance(SLOT * 7).await;
        assert_eq!(budget.balance(), 18, "the first calls have left the window");
        advance(Duration::from_secs(100_000)).await;
        assert_eq!(budget.balance(), 8);
    }
}
