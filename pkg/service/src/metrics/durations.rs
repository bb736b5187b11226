//! The histogram of request durations: `prometheus-client`'s own locks a mutex for each observation.

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The name of the histogram.
pub(super) const NAME: &str = "request_duration_seconds";

/// The upper bounds of the buckets, in seconds.
pub(super) const BOUNDS: [f64; 16] = [
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    f64::INFINITY,
];

/// The durations of the requests of one route; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Durations(Arc<meter::Histogram<{ BOUNDS.len() }>>);

impl Default for Durations {
    fn default() -> Self {
        Self(Arc::new(meter::Histogram::new(&BOUNDS)))
    }
}

impl Durations {
    /// Counts a request. Returns the index of its bucket.
    pub(super) fn observe(&self, took: Duration) -> usize {
        self.0.observe(took)
    }
}

impl TypedMetric for Durations {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Durations {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let totals = self.0.totals();
        let buckets: Vec<_> = BOUNDS.into_iter().zip(*totals.counts()).collect();
        encoder.encode_histogram::<NoLabelSet>(totals.sum().as_secs_f64(), totals.count(), &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}
