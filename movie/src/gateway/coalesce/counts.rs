//! Metrics of merged reads, shared by all workers.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The upper bounds of the histogram of ids per batch.
const IDS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];

type Service = [(&'static str, &'static str); 1];

/// The metrics of one service's reads; clones share them.
#[derive(Clone, Debug)]
pub struct Counts {
    pub(super) reads: Counter,
    pub(super) batch_ids: Histogram,
    pub(super) overdue: Counter,
    pub(super) failed: Counter,
}

impl Counts {
    /// Registers the metrics of each of `services` with `registry`.
    pub fn register<const N: usize>(registry: &mut Registry, services: [&'static str; N]) -> [Self; N] {
        let registry = registry.sub_registry_with_prefix("coalesce");
        let mut counter = |name, help| {
            let family = Family::<Service, Counter>::default();
            registry.register(name, help, family.clone());
            family
        };
        let reads = counter("reads", "Single reads of a service that were sent in a batch");
        let overdue =
            counter("overdue_batches", "Batches so slow that the next one was sent without waiting for them");
        let failed = counter("failed_batches", "Batches that failed, whatever the id that caused it");
        let batch_ids = Family::<Service, Histogram, _>::new_with_constructor(|| Histogram::new(IDS));
        registry.register("batch_ids", "Distinct ids per batch", batch_ids.clone());
        services.map(|service| {
            let service = [("service", service)];
            Self {
                reads: reads.get_or_create_owned(&service),
                batch_ids: batch_ids.get_or_create_owned(&service),
                overdue: overdue.get_or_create_owned(&service),
                failed: failed.get_or_create_owned(&service),
            }
        })
    }
}
