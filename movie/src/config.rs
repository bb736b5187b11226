//! Settings of the movie service.

use crate::error::Error;
use clap::{Parser, ValueEnum};
use client::{BadAddress, Hedge, Instances};
use service::RegistryKind;
use std::time::Duration;

/// The default address to listen on.
pub const LISTEN: &str = "127.0.0.1:8083";

/// The protocol of calls to the backend services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GatewayKind {
    /// gRPC.
    Grpc,
    /// REST.
    Http,
}

/// Serves movies: metadata and ratings, joined, over REST and gRPC.
///
/// Flags override environment variables. Exit status: 0 stopped on request, 1 failed while running, 2 bad arguments.
#[derive(Clone, Debug, Parser)]
#[group(skip)]
#[command(name = "movie", version)]
pub struct Config {
    /// Settings that all services have.
    #[command(flatten)]
    pub service: service::Config,

    /// Address of the metadata service; found through the registry by default.
    #[arg(long, env = "METADATA_URL", value_name = "URL", value_parser = address)]
    pub metadata_url: Option<String>,

    /// Address of the rating service; found through the registry by default.
    #[arg(long, env = "RATING_URL", value_name = "URL", value_parser = address)]
    pub rating_url: Option<String>,

    /// Protocol of calls to the metadata and rating services.
    #[arg(long, env = "GATEWAY", value_enum, default_value = "grpc")]
    pub gateway: GatewayKind,

    /// Time after which a read without a response is also sent to a second instance: a duration, or `p95` for the
    /// recent 95th percentile of reads. The first response counts. By default reads are not repeated this way.
    #[arg(long, env = "HEDGE_AFTER", value_name = "p95|DURATION", value_parser = hedge)]
    pub hedge_after: Option<Hedge>,

    /// Time for which a single movie may be returned from memory, although it may have changed since. 0s: never.
    #[arg(long, env = "CACHE_TTL", default_value = "0s", value_name = "DURATION", value_parser = service::duration)]
    pub cache_ttl: Duration,

    /// Time after an outage of the registry for which it is not believed if all, or more than half, of a service's
    /// instances disappear. Meanwhile instances are removed as calls to them fail.
    #[arg(long, env = "REGISTRY_GRACE", default_value = "30s", value_name = "DURATION", value_parser = service::duration)]
    pub registry_grace: Duration,
}

impl Config {
    /// Checks the settings against each other.
    ///
    /// # Errors
    ///
    /// If there is no registry and the address of a service is missing.
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

/// Checks that an address can be called.
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
    fn hedge_takes_duration_or_percentile() {
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
