//! The ids of the traces that were dropped last, so that late spans do not begin them again and links to them can be
//! explained.

use std::collections::{HashSet, VecDeque};

/// The number of ids that are kept.
const MAX: usize = 32_768;

/// The ids of dropped traces.
#[derive(Debug, Default)]
pub(crate) struct Forgotten {
    ids: HashSet<u128>,
    order: VecDeque<u128>,
}

impl Forgotten {
    /// Adds an id; the oldest is removed if there are too many.
    pub(crate) fn add(&mut self, id: u128) {
        if self.ids.insert(id) {
            self.order.push_back(id);
        }
        if self.order.len() > MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }

    /// Returns true if the trace `id` was dropped lately.
    pub(crate) fn contains(&self, id: u128) -> bool {
        self.ids.contains(&id)
    }
}
