//! What the metadata service is told.

use clap::Parser;

/// Where the metadata service listens unless it is told otherwise.
pub const LISTEN: &str = "127.0.0.1:8081";

/// Keeps movie records and serves them over REST and gRPC.
///
/// Flags win over variables. Exit codes: 0 asked to stop, 1 failed while running, 2 bad arguments.
#[derive(Clone, Debug, Parser)]
#[group(skip)]
#[command(name = "metadata", version, mut_arg("listen", |arg| arg.default_value(LISTEN)))]
#[command(mut_arg("database", |arg| arg.default_value("sqlite:.data/metadata.db")))]
pub struct Config {
    /// What every service is told.
    #[command(flatten)]
    pub service: service::Config,

    /// Where the records are kept.
    #[command(flatten)]
    pub storage: storage::Config,
}

impl service::Program for Config {
    fn service(&self) -> &service::Config {
        &self.service
    }
}
