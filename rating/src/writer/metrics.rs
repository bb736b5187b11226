//! The metrics of the writer.

use super::Writer;
use prometheus_client::registry::Registry;

impl Writer {
    /// Registers the metrics.
    pub fn register(&self, registry: &mut Registry) {
        self.batch_metrics.register(registry);
        let lanes = self.lanes.clone();
        meter::collect(registry, move |to| {
            storage::sample_lanes(to, lanes.iter().map(|lane| (lane.len(), &lane.counts.oldest)))
        });
    }
}
