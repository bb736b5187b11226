//! The flags of the rating service.

use crate::ingester;
use crate::repository::postgres;
use clap::Parser;
use model::Prior;
use std::thread::available_parallelism;
use std::time::Duration;

/// The default listen address.
pub const LISTEN: &str = "127.0.0.1:8082";

/// Up to this number of cores, one background thread is the default.
const FEW_CORES: usize = 4;

/// Stores ratings from API calls and Kafka, and serves them and their aggregates over REST and gRPC.
///
/// Flags take precedence over environment variables. Exit codes: 0 stopped on request, 1 failed while running,
/// 2 bad arguments.
#[derive(Clone, Debug, Parser)]
#[group(skip)]
#[command(name = "rating", version, mut_arg("listen", |arg| arg.default_value(LISTEN)))]
#[command(mut_arg("database", |arg| arg.default_value("sqlite:.data/rating.db")))]
pub struct Config {
    /// The arguments of every service.
    #[command(flatten)]
    pub service: service::Config,

    /// The database.
    #[command(flatten)]
    pub storage: storage::Config,

    /// How long an aggregate read from PostgreSQL is cached, although other instances may have changed it since;
    /// 0s disables the cache. Writes of this instance are always visible immediately.
    #[arg(long, env = "CACHE_TTL", value_name = "DURATION", default_value = "1s", value_parser = service::duration)]
    pub cache_ttl: Duration,

    /// The number of threads for writes, ingestion and registration [default: 1 on up to 4 cores, otherwise one per
    /// writer lane: 4 with PostgreSQL, 1 with SQLite or memory].
    #[arg(long, env = "BACKGROUND_THREADS", value_name = "N", value_parser = flags::whole(1..=64_u16))]
    pub background_threads: Option<u16>,

    /// The arguments of ingestion.
    #[command(flatten)]
    pub ingester: ingester::Config,

    /// The weight of the prior mean in a weighted mean, as a number of ratings: 0 to 1000000.
    #[arg(long, env = "PRIOR_WEIGHT", value_name = "RATINGS", default_value = "25", value_parser = weight)]
    pub prior_weight: f64,

    /// The mean assumed for a record without ratings: 1 to 10.
    #[arg(long, env = "PRIOR_MEAN", value_name = "MEAN", default_value = "6.9", value_parser = mean)]
    pub prior_mean: f64,
}

impl service::Program for Config {
    fn service(&self) -> &service::Config {
        &self.service
    }

    fn background_threads(&self) -> usize {
        let lanes = match self.storage.database {
            storage::Url::Postgres(_) => postgres::LANES as usize,
            storage::Url::Sqlite(_) | storage::Url::Memory => 1,
        };
        let cores = available_parallelism().map_or(1, usize::from);
        self.background_threads.map_or_else(|| background_threads(cores, lanes), usize::from)
    }
}

/// Returns the default: on few cores, more threads would only contend.
const fn background_threads(cores: usize, lanes: usize) -> usize {
    if cores > FEW_CORES { lanes } else { 1 }
}

fn weight(text: &str) -> Result<f64, String> {
    let weight = text.parse().map_err(|_| "expected a number from 0 to 1000000".to_owned())?;
    Prior::new(weight, Prior::default().mean()).map(Prior::weight).map_err(|broken| broken.to_string())
}

fn mean(text: &str) -> Result<f64, String> {
    let mean = text.parse().map_err(|_| "expected a number from 1 to 10".to_owned())?;
    Prior::new(Prior::default().weight(), mean).map(Prior::mean).map_err(|broken| broken.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use service::Program as _;

    fn parse(flags: &[&str]) -> Result<Config, String> {
        let arguments = ["rating", "--database", "memory:"].into_iter().chain(flags.iter().copied());
        Config::try_parse_from(arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn invalid_value_names_flag_value_and_rule() {
        for (flag, value, rule) in [
            ("--kafka", "no-port-here", "HOST:PORT, separated by commas"),
            ("--kafka", "", "HOST:PORT, separated by commas"),
            ("--kafka", "a:1,", "HOST:PORT, separated by commas"),
            ("--kafka-topic", "a b", "a topic's name"),
            ("--kafka-group", "", "a value is required"),
            ("--kafka-option", "linger.ms", "KEY=VALUE"),
            ("--cache-ttl", "-1s", "500ms, 2s or 1m"),
            ("--batch-delay", "1e9s", "500ms, 2s or 1m"),
            ("--batch-events", "0", "from 1 to 1000000"),
            ("--batch-events", "-1", "from 1 to 1000000"),
            ("--background-threads", "-1", "from 1 to 64"),
            ("--background-threads", "two", "from 1 to 64"),
            ("--ingest-memory", "0B", "above 0"),
            ("--ingest-memory", "-1MiB", "64MiB"),
            ("--ingest-stall-timeout", "0s", "above 0"),
            ("--prior-weight", "-1", "0 to 1000000"),
            ("--prior-weight", "NaN", "0 to 1000000"),
            ("--prior-mean", "11", "1 to 10"),
            ("--request-timeout", "-1s", "500ms, 2s or 1m"),
            ("--delivery", "twice", "exactly-once"),
            ("--on-lost-offset", "latest", "earliest"),
        ] {
            let arguments = ["rating", "--registry=none", flag, value].map(Into::into);
            let error = flags::try_parse::<Config>(arguments).expect_err(flag);
            assert_eq!(error.exit_code(), 2);
            let error = error.to_string();
            for part in [flag, value, rule] {
                assert!(error.contains(part), "{flag} {value}: {error}");
            }
        }
        assert_eq!(
            parse(&["--kafka", " a:1, [::1]:2"]).unwrap().ingester.kafka.as_deref(),
            Some("a:1,[::1]:2")
        );
    }

    #[test]
    fn background_threads_follow_lanes_on_many_cores() {
        let table = [(1, 4, 1), (2, 4, 1), (4, 4, 1), (5, 4, 4), (64, 4, 4), (64, 1, 1)];
        for (cores, lanes, expected) in table {
            assert_eq!(background_threads(cores, lanes), expected, "{cores} cores, {lanes} lanes");
        }
    }

    #[test]
    fn background_threads_can_be_set() {
        assert_eq!(parse(&["--background-threads", "3"]).unwrap().background_threads(), 3);
        let refused = parse(&["--background-threads", "0"]).unwrap_err();
        assert!(refused.contains("--background-threads") && refused.contains("from 1 to 64"), "{refused}");
    }
}
