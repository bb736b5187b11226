//! Counters of the spans and log records that are exported.

use meter::Sampler;
use std::fmt;
use trace::{Counts, Tracer};

/// Encodes the counters `trace_*` and `log_records_*`.
pub(super) fn sample(tracer: &Tracer, to: &mut Sampler<'_>) -> fmt::Result {
    let Counts { exported, dropped, failures } = tracer.counts();
    to.counter("trace_spans_exported", "Spans that the OTLP endpoint has accepted", exported)?;
    let help = "Spans lost because the export queue was full or their batch failed";
    to.counter("trace_spans_dropped", help, dropped)?;
    to.counter("trace_export_failures", "Attempts to export a batch of spans that failed", failures)?;
    let records = tracer.log_counts();
    to.counter("log_records_exported", "Log records that the OTLP endpoint has accepted", records.exported)?;
    let help = "Log records lost because the export queue was full or their batch failed";
    to.counter("log_records_dropped", help, records.dropped)
}
