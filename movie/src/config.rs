//! What the movie service is told beside what every service is.

use crate::error::Error;
use clap::{Parser, ValueEnum};
use client::{BadAddress, Hedge, Instances};
use service::RegistryKind;
use std::time::Duration;

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

    /// When a read that isn't answered goes to a second instance too: after a time, or `p95`, what 95 of 100 reads
    /// took of late. The first answer counts. Never where it is absent.
    #[arg(long, env = "HEDGE_AFTER", value_name = "p95|DURATION", value_parser = hedge)]
    pub hedge_after: Option<Hedge>,

    /// For how long a whole answer about a single movie may be kept and given again, however its parts change
    /// meanwhile; 0s for never.
    #[arg(long, env = "CACHE_TTL", default_value = "0s", value_name = "DURATION", value_parser = service::duration)]
    pub cache_ttl: Duration,

    /// For how long after an outage of the registry the loss of all, or of more than half, of a service's instances is
    /// not believed; instances leave as calls to them fail.
    #[arg(long, env = "REGISTRY_GRACE", default_value = "30s", value_name = "DURATION", value_parser = service::duration)]
    pub registry_grace: Duration,
}

impl Config {
    /// Holds the arguments against each other.
    ///
    /// # Errors
    ///
    /// Where no registry is used and the address of a service is missing.
    pub fn check(&self) -> Result<(), Error> {
        let services = [
            ("metadata", "--metadata-url", &self.metadata_url),
            ("rating", "--rating-url", &self.rating_url),
        ];
        let missing = services.into_iter().find(|(_, _, url)| url.is_none());
        match missing {
            Some((service, flag, _)) if self.service.registry == RegistryKind::None => {
                Err(Error::Nowhere { service, flag })
            }
            _ => Ok(()),
        }
    }
}

/// Holds an address against what can be called.
fn address(text: &str) -> Result<String, BadAddress> {
    Instances::fixed("", [text]).map(|_| text.to_owned())
}

fn hedge(text: &str) -> Result<Hedge, String> {
    match text {
        "p95" => Ok(Hedge::P95),
        text => match service::duration(text) {
            Ok(time) if time > Duration::ZERO => Ok(Hedge::After(time)),
            _ => Err("expected p95, or a duration above 0 such as 50ms".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_try_is_made_after_a_time_or_the_percentile() {
        assert_eq!(hedge("p95"), Ok(Hedge::P95));
        assert_eq!(hedge("50ms"), Ok(Hedge::After(Duration::from_millis(50))));
        for text in ["", "p99", "0s", "50"] {
            assert_eq!(
                hedge(text),
                Err("expected p95, or a duration above 0 such as 50ms".to_owned()),
                "{text}"
            );
        }
    }
}
