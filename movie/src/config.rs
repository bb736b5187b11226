//! What the movie service is told beside what every service is.

use clap::{Parser, ValueEnum};
use client::{BadAddress, Instances};

/// Where the movie service listens unless it is told otherwise.
pub const LISTEN: &str = "127.0.0.1:8083";

/// How the services behind are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GatewayKind {
    /// gRPC.
    Grpc,
    /// REST.
    Http,
}

/// Serves movies: metadata and ratings, joined, over REST and gRPC.
///
/// Flags win over variables. Exit codes: 0 asked to stop, 1 failed while running, 2 bad arguments.
#[derive(Clone, Debug, Parser)]
#[group(skip)]
#[command(name = "movie", version)]
pub struct Config {
    /// What every service is told.
    #[command(flatten)]
    pub service: service::Config,

    /// Where the metadata service is; found through the registry where it is absent.
    #[arg(long, env = "METADATA_URL", value_name = "URL", value_parser = address)]
    pub metadata_url: Option<String>,

    /// Where the rating service is; found through the registry where it is absent.
    #[arg(long, env = "RATING_URL", value_name = "URL", value_parser = address)]
    pub rating_url: Option<String>,

    /// How the services behind are called.
    #[arg(long, env = "GATEWAY", value_enum, default_value = "grpc")]
    pub gateway: GatewayKind,
}

/// Holds an address against what can be called.
fn address(text: &str) -> Result<String, BadAddress> {
    Instances::fixed("", [text]).map(|_| text.to_owned())
}
