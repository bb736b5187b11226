//! The state of the service registry as gauges, read when the metrics are collected.

use discovery::{Doubts, Registry};
use meter::Sampler;
use std::fmt;

/// Encodes the gauges `registry_*`.
pub(super) fn sample(registry: &dyn Registry, to: &mut Sampler<'_>) -> fmt::Result {
    let Doubts { filtered, retaining, unusable } = registry.doubts();
    let help = "1 if the last request to the service registry succeeded, 0 if it failed";
    to.gauge("registry_up", help, usize::from(registry.is_up()))?;
    let help = "Watches whose results lack instances that the registry's token has no permission to read";
    to.gauge("registry_filtered_watches", help, filtered)?;
    let help = "Watches that still use instances which the registry lost during an outage";
    to.gauge("registry_retaining_watches", help, retaining)?;
    let help =
        "Watches and registrations whose last response was a refusal or did not come from the registry";
    to.gauge("registry_unusable_responses", help, unusable)
}
