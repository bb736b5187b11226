//! Counters of the spans and log records that are exported.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use std::fmt;
use trace::{Counts, Tracer};

/// The counters `trace_*` and `log_records_*`.
#[derive(Debug)]
pub(super) struct Exported(pub(super) Tracer);

impl Collector for Exported {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Counts { exported, dropped, failures } = self.0.counts();
        let records = self.0.log_counts();
        for (name, help, count) in [
            ("trace_spans_exported", "Spans that the OTLP endpoint has accepted", exported),
            (
                "trace_spans_dropped",
                "Spans lost because the export queue was full or their batch failed",
                dropped,
            ),
            ("trace_export_failures", "Attempts to export a batch of spans that failed", failures),
            ("log_records_exported", "Log records that the OTLP endpoint has accepted", records.exported),
            (
                "log_records_dropped",
                "Log records lost because the export queue was full or their batch failed",
                records.dropped,
            ),
        ] {
            let count = ConstCounter::new(count);
            count.encode(encoder.encode_descriptor(name, help, None, count.metric_type())?)?;
        }
        Ok(())
    }
}
