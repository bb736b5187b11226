//! Counters of suppressed and dropped log lines. They belong to the process, whose services share one log.

use crate::telemetry;
use meter::Sampler;
use std::fmt;

/// Encodes the counters `log_lines_dropped` and `log_lines_suppressed`.
pub(super) fn sample(to: &mut Sampler<'_>) -> fmt::Result {
    let (dropped, suppressed) = telemetry::lost_lines();
    let help = "Log lines dropped because standard error did not accept them";
    to.counter("log_lines_dropped", help, dropped)?;
    let help = "Warnings and errors suppressed because their call site logged too many";
    to.counter("log_lines_suppressed", help, suppressed)
}
