//! Counters of suppressed and dropped log lines. They belong to the process, whose services share one log.

use crate::telemetry;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use std::fmt;

/// The counters `log_lines_dropped` and `log_lines_suppressed`.
#[derive(Debug)]
pub(super) struct LostLines;

impl Collector for LostLines {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (dropped, suppressed) = telemetry::lost_lines();
        for (name, help, lines) in [
            ("log_lines_dropped", "Log lines dropped because standard error did not accept them", dropped),
            (
                "log_lines_suppressed",
                "Warnings and errors suppressed because their call site logged too many",
                suppressed,
            ),
        ] {
            let lines = ConstCounter::new(lines);
            lines.encode(encoder.encode_descriptor(name, help, None, lines.metric_type())?)?;
        }
        Ok(())
    }
}
