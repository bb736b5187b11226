//! Opens the databases of services: SQLite files and PostgreSQL schemas, migrated and ready for use.
//! The tables are each service's own.

mod config;
mod error;
mod metrics;
mod migration;
pub mod postgres;
pub mod sqlite;
mod stall;
mod statement;
#[cfg(feature = "testing")]
pub mod testing;
mod url;

pub use config::Config;
pub use error::Error;
pub use metrics::{BatchMetrics, PoolStatistics, sample_lanes, sample_pools};
pub use migration::{Migration, migrate};
pub use stall::Oldest;
pub use url::Url;
