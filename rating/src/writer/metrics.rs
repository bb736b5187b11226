//! The metrics of the writer.

use super::Writer;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::fmt;

impl Writer {
    /// Registers the metrics.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.clone()));
    }
}

impl Collector for Writer {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Queued or running writes of API calls and events";
        let mut metric = encoder.encode_descriptor("writer_queue", help, None, MetricType::Gauge)?;
        for lane in 0..self.lanes() {
            metric.encode_family(&[("lane", lane)])?.encode_gauge(&self.queued(lane))?;
        }
        Ok(())
    }
}
