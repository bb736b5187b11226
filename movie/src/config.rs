//! The movie service's arguments.

use crate::error::Error;
use clap::{Parser, ValueEnum};
use client::{BadAddress, Hedge, Instances};
use service::RegistryKind;
use std::time::Duration;

/// The default listen address.
pub const LISTEN: &str = "127.0.0.1:8083";

/// The protocol of calls to the other services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GatewayKind {
    /// gRPC.
    Grpc,
    /// REST.
    Http,
}

/// Serves movies, joined from metadata and aggregated ratings, over REST and gRPC.
///
/// Flags take precedence over environment variables. Exit codes: 0 stopped on request, 1 failed while running,
/// 2 bad arguments.
#[derive(Clone, Debug, Parser)]
#[group(skip)]
#[command(name = "movie", version, mut_arg("listen", |arg| arg.default_value(LISTEN)))]
pub struct Config {
    /// The arguments of every service.
    #[command(flatten)]
    pub service: service::Config,

    /// The address of the metadata service [default: found through the registry].
    #[arg(long, env = "METADATA_URL", hide_env_values = true, value_name = "URL", value_parser = address)]
    pub metadata_url: Option<String>,

    /// The address of the rating service [default: found through the registry].
    #[arg(long, env = "RATING_URL", hide_env_values = true, value_name = "URL", value_parser = address)]
    pub rating_url: Option<String>,

    /// The protocol of calls to the metadata and rating services.
    #[arg(long, env = "GATEWAY", value_name = "PROTOCOL", value_enum, default_value = "grpc")]
    pub gateway: GatewayKind,

    /// When to send a slow read to a second instance as well: after a fixed time, or after the 95th percentile of
    /// recent reads (`p95`). The first response counts [default: never].
    #[arg(long, env = "HEDGE_AFTER", value_name = "p95|DURATION", value_parser = hedge)]
    pub hedge_after: Option<Hedge>,

    /// How long the response for a single movie is cached, even if its parts change meanwhile; 0s disables the cache.
    #[arg(long, env = "CACHE_TTL", default_value = "0s", value_name = "DURATION", value_parser = service::duration)]
    pub cache_ttl: Duration,

    /// How long to keep a service's instances if the registry comes back from an outage with less than half of
    /// them; meanwhile, instances are dropped as calls to them fail.
    #[arg(long, env = "REGISTRY_GRACE", default_value = "30s", value_name = "DURATION", value_parser = service::duration)]
    pub registry_grace: Duration,
}

impl service::Program for Config {
    fn service(&self) -> &service::Config {
        &self.service
    }

    fn registry_grace(&self) -> Duration {
        self.registry_grace
    }

    /// Fails if no registry is used and the address of a service is missing.
    fn check(&self) -> Result<(), String> {
        let services = [
            ("metadata", "--metadata-url", &self.metadata_url),
            ("rating", "--rating-url", &self.rating_url),
        ];
        let missing = services.into_iter().find(|(_, _, url)| url.is_none());
        match missing {
            Some((service, flag, _)) if self.service.registry == RegistryKind::None => {
                Err(Error::Nowhere { service, flag }.to_string())
            }
            _ => Ok(()),
        }
    }
}

/// Checks that an address can be called.
fn address(text: &str) -> Result<String, String> {
    let repeated = |error: BadAddress| error.to_string().replace(text, &service::config::shown(text));
    Instances::fixed("", [text]).map(|_| text.to_owned()).map_err(repeated)
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
    fn invalid_value_names_flag_value_and_rule() {
        for (flag, value, rule) in [
            ("--metadata-url", "no url", "http"),
            ("--rating-url", "ftp://x", "http"),
            ("--gateway", "soap", "grpc, http"),
            ("--hedge-after=-1s", "", "p95"),
            ("--hedge-after", "0s", "above 0"),
            ("--cache-ttl=-1s", "", "500ms, 2s or 1m"),
            ("--registry-grace", "1e9s", "500ms, 2s or 1m"),
            ("--consul", "ftp://x", "http://HOST:PORT"),
        ] {
            let arguments = ["movie", flag, value].into_iter().filter(|argument| !argument.is_empty());
            let error = Config::try_parse_from(arguments).expect_err(flag);
            assert_eq!(error.exit_code(), 2);
            let error = error.to_string();
            let (flag, given) = flag.split_once('=').unwrap_or((flag, value));
            for part in [flag, given, rule] {
                assert!(error.contains(part), "{flag} {value}: {error}");
            }
        }
    }

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
