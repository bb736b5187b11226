//! Whether the registry of services can be asked, as a gauge that is read when the metrics are.

use discovery::Registry;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::sync::Arc;

/// The gauge `registry_up`.
pub(super) struct Up(pub(super) Arc<dyn Registry>);

impl fmt::Debug for Up {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Up").field(&self.0.is_up()).finish()
    }
}

impl Collector for Up {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let up = ConstGauge::new(i64::from(self.0.is_up()));
        let help = "Whether the registry of services could be asked at last (1) or not (0)";
        let metric = encoder.encode_descriptor("registry_up", help, None, up.metric_type())?;
        up.encode(metric)
    }
}
