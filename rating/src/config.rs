//! What the rating service is told.

use crate::ingester;
use clap::Parser;
use model::Prior;
use std::time::Duration;

/// Where the rating service listens unless it is told otherwise.
pub const LISTEN: &str = "127.0.0.1:8082";

/// Keeps everyone's ratings, by call and from Kafka, and serves them and their aggregates over REST and gRPC.
///
/// Flags win over variables. Exit codes: 0 asked to stop, 1 failed while running, 2 bad arguments.
#[derive(Clone, Debug, Parser)]
#[group(skip)]
#[command(name = "rating", version, mut_arg("database", |arg| arg.default_value("sqlite:.data/rating.db")))]
pub struct Config {
    /// What every service is told.
    #[command(flatten)]
    pub service: service::Config,

    /// Where the ratings are kept.
    #[command(flatten)]
    pub storage: storage::Config,

    /// For how long an aggregate that was read from PostgreSQL is answered from memory, although other instances
    /// may have changed it since; 0s: never. What this instance writes always shows at once.
    #[arg(long, env = "CACHE_TTL", value_name = "DURATION", default_value = "1s", value_parser = service::duration)]
    pub cache_ttl: Duration,

    /// Which events are ingested.
    #[command(flatten)]
    pub ingester: ingester::Config,

    /// As how many ratings the prior mean counts in a weighted mean: 0 to 1000000.
    #[arg(long, env = "PRIOR_WEIGHT", value_name = "RATINGS", default_value = "25", value_parser = weight)]
    pub prior_weight: f64,

    /// The mean that is assumed of a record nobody has rated: 1 to 10.
    #[arg(long, env = "PRIOR_MEAN", value_name = "MEAN", default_value = "6.9", value_parser = mean)]
    pub prior_mean: f64,
}

fn weight(text: &str) -> Result<f64, String> {
    let weight = text.parse().map_err(|_| "expected a number from 0 to 1000000".to_owned())?;
    Prior::new(weight, Prior::default().mean()).map(Prior::weight).map_err(|broken| broken.to_string())
}

fn mean(text: &str) -> Result<f64, String> {
    let mean = text.parse().map_err(|_| "expected a number from 1 to 10".to_owned())?;
    Prior::new(Prior::default().weight(), mean).map(Prior::mean).map_err(|broken| broken.to_string())
}
