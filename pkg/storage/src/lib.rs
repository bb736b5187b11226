//! Opens the databases that services keep: SQLite files and PostgreSQL schemas, migrated and ready for use.
//! What is stored there is each service's own affair.

mod config;
mod error;
mod migration;
pub mod postgres;
pub mod sqlite;
mod stall;
#[cfg(feature = "testing")]
pub mod testing;
mod url;

pub use config::Config;
pub use error::Error;
pub use migration::{Migration, migrate};
pub use stall::Oldest;
pub use url::Url;
