//! Metrics of the tokio runtimes. The runtimes of the workers, one per thread, are added up.

use meter::Sampler;
use std::fmt;
use std::time::Duration;
use tokio::runtime::{Handle, RuntimeMetrics};

/// The runtimes of a service.
#[derive(Debug)]
pub(crate) struct Runtimes {
    serving: Vec<RuntimeMetrics>,
    background: RuntimeMetrics,
}

impl Runtimes {
    /// Observes the workers' runtimes, and the current one as that for everything except serving.
    pub(crate) fn new(serving: Vec<RuntimeMetrics>) -> Self {
        Self { serving, background: Handle::current().metrics() }
    }

    /// Encodes the metrics of the runtimes.
    pub(super) fn sample(&self, to: &mut Sampler<'_>) -> fmt::Result {
        let sum = |of: fn(&RuntimeMetrics) -> usize| {
            [
                ([("runtime", "serving")], self.serving.iter().map(of).sum()),
                ([("runtime", "background")], of(&self.background)),
            ]
        };
        to.gauges("tokio_workers", "Threads of the runtimes", sum(RuntimeMetrics::num_workers))?;
        to.gauges("tokio_alive_tasks", "Tasks that have not ended", sum(RuntimeMetrics::num_alive_tasks))?;
        let help = "Tasks that wait for a thread in the global queues";
        to.gauges("tokio_global_queue_depth", help, sum(RuntimeMetrics::global_queue_depth))?;
        let serving = self.serving.iter().map(busy).sum::<Duration>();
        let rows = [("serving", serving), ("background", busy(&self.background))];
        let rows = rows.map(|(runtime, busy)| ([("runtime", runtime)], busy.as_secs_f64()));
        to.counters("tokio_worker_busy_seconds", "Time in which the threads ran tasks", rows)
    }
}

fn busy(runtime: &RuntimeMetrics) -> Duration {
    (0..runtime.num_workers()).map(|worker| runtime.worker_total_busy_duration(worker)).sum()
}
