//! What the consumer and its partitions share.

use crate::ingester::config::Config;
use crate::ingester::health::Health;
use crate::ingester::metrics::Metrics;
use crate::repository::Positions;
use std::sync::Arc;
use tokio::runtime::Handle;

/// The configuration, and handles to the store and to what reports the state of ingestion.
#[derive(Clone)]
pub(in crate::ingester) struct Resources {
    pub(in crate::ingester) config: Config,
    pub(in crate::ingester) positions: Arc<dyn Positions>,
    /// The runtime that runs calls on the store.
    pub(in crate::ingester) runtime: Handle,
    pub(in crate::ingester) health: Health,
    pub(in crate::ingester) metrics: Metrics,
}
