//! The metadata service's arguments.

use clap::Parser;

/// The default listen address.
pub const LISTEN: &str = "127.0.0.1:8081";

/// Stores movie metadata and serves it over REST and gRPC.
///
/// Flags take precedence over environment variables. Exit codes: 0 stopped on request, 1 failed while running,
/// 2 bad arguments.
#[derive(Clone, Debug, Parser)]
#[group(skip)]
#[command(name = "metadata", version, mut_arg("listen", |arg| arg.default_value(LISTEN)))]
#[command(mut_arg("database", |arg| arg.default_value("sqlite:.data/metadata.db")))]
pub struct Config {
    /// The arguments of every service.
    #[command(flatten)]
    pub service: service::Config,

    /// The database.
    #[command(flatten)]
    pub storage: storage::Config,
}

impl service::Program for Config {
    fn service(&self) -> &service::Config {
        &self.service
    }
}
