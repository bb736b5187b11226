//! Metrics whose values are read when they are scraped.

use crate::histogram::Totals;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::fmt;

/// Encodes the current values of metrics. Rows have different labels; a metric without rows is omitted.
pub struct Sampler<'a>(DescriptorEncoder<'a>);

impl Sampler<'_> {
    /// Encodes a counter, whose name has no `_total`.
    ///
    /// # Errors
    ///
    /// That of the encoder, as of all methods.
    pub fn counter(&mut self, name: &str, help: &str, value: impl EncodeCounterValue) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    /// Encodes the rows of a counter, whose name has no `_total`.
    ///
    /// # Errors
    ///
    /// That of the encoder.
    pub fn counters<L: EncodeLabelSet, V: EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        self.rows(name, help, MetricType::Counter, rows, |metric, (labels, value)| {
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)
        })
    }

    /// Encodes a gauge.
    ///
    /// # Errors
    ///
    /// That of the encoder.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl EncodeGaugeValue) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    /// Encodes the rows of a gauge.
    ///
    /// # Errors
    ///
    /// That of the encoder.
    pub fn gauges<L: EncodeLabelSet, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        self.rows(name, help, MetricType::Gauge, rows, |metric, (labels, value)| {
            metric.encode_family(&labels)?.encode_gauge(&value)
        })
    }

    /// Encodes each of `rows`, under one description; nothing if there are none.
    fn rows<R>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        rows: impl IntoIterator<Item = R>,
        encode: impl Fn(&mut MetricEncoder<'_>, R) -> fmt::Result,
    ) -> fmt::Result {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        rows.try_for_each(|row| encode(&mut metric, row))
    }

    /// Encodes the rows of a histogram with these bounds, in seconds.
    ///
    /// # Errors
    ///
    /// That of the encoder.
    pub fn histograms<L: EncodeLabelSet, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        bounds: &[f64; N],
        rows: impl IntoIterator<Item = (L, Totals<N>)>,
    ) -> fmt::Result {
        self.rows(name, help, MetricType::Histogram, rows, |metric, (labels, totals)| {
            let buckets: Vec<_> = bounds.iter().copied().zip(*totals.counts()).collect();
            let sum = totals.sum().as_secs_f64();
            metric.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, totals.count(), &buckets, None)
        })
    }
}

impl fmt::Debug for Sampler<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampler").finish_non_exhaustive()
    }
}

/// Adds metrics that `sample` encodes at each scrape, on a thread that serves requests: it must not wait.
pub fn collect(
    registry: &mut Registry,
    sample: impl Fn(&mut Sampler<'_>) -> fmt::Result + Send + Sync + 'static,
) {
    registry.register_collector(Box::new(Sampled(sample)));
}

/// A function that encodes metrics.
struct Sampled<F>(F);

impl<F> fmt::Debug for Sampled<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampled").finish_non_exhaustive()
    }
}

impl<F: Fn(&mut Sampler<'_>) -> fmt::Result + Send + Sync + 'static> Collector for Sampled<F> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        (self.0)(&mut Sampler(encoder))
    }
}
