//! The state of the service registry as gauges, read when the metrics are collected.

use discovery::Registry;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::sync::Arc;

/// The gauges `registry_*`.
pub(super) struct Condition(pub(super) Arc<dyn Registry>);

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition").field("up", &self.0.is_up()).field("doubts", &self.0.doubts()).finish()
    }
}

impl Collector for Condition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let doubts = self.0.doubts();
        for (name, help, value) in [
            (
                "registry_up",
                "1 if the last request to the service registry succeeded, 0 if it failed",
                usize::from(self.0.is_up()),
            ),
            (
                "registry_filtered_watches",
                "Watches whose results lack instances that the registry's token has no permission to read",
                doubts.filtered,
            ),
            (
                "registry_retaining_watches",
                "Watches that still use instances which the registry lost during an outage",
                doubts.retaining,
            ),
            (
                "registry_unusable_responses",
                "Watches and registrations whose last response was a refusal or did not come from the registry",
                doubts.unusable,
            ),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
