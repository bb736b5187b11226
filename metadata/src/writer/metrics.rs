//! The metrics of the writer.

use super::{ROOM, Writer};
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Writer {
    /// Registers the metrics with `registry`.
    pub fn register(&self, registry: &mut Registry) {
        self.progress.batches.register(registry);
        let (sender, progress) = (self.sender.downgrade(), Arc::clone(&self.progress));
        meter::collect(registry, move |to| {
            let queued = sender.upgrade().map_or(0, |sender| ROOM - sender.capacity());
            let pending = queued + progress.applying.load(Ordering::Relaxed);
            storage::sample_lanes(to, [(pending, &progress.oldest)].into_iter())
        });
    }
}
