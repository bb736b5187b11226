//! The agent's command line.

use clap::{Args, Parser};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// The address of a development agent that is told no other.
pub const LISTEN: &str = "127.0.0.1:8500";

/// A development agent that speaks Consul's HTTP interface. It keeps everything in memory.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "agent",
    version,
    after_help = "Exit codes: 0 asked to stop, 1 failed while running, 2 bad arguments"
)]
pub struct Cli {
    /// What the agent is told.
    #[command(flatten)]
    pub config: Config,

    /// What the log holds, as a filter of `tracing`
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
}

/// What the agent is told.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 is any free one
    #[arg(long, value_name = "ADDR:PORT", env = "AGENT_LISTEN", default_value = LISTEN)]
    pub listen: SocketAddr,

    /// The one token that callers must show; without it any is taken and ignored
    #[arg(long, value_name = "TOKEN", env = "AGENT_TOKEN", hide_env_values = true)]
    pub token: Option<String>,

    /// The least time after which a critical service is removed, however little it asks for; Consul's own is 1m
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = service::duration)]
    pub deregister_floor: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8500)),
            token: None,
            deregister_floor: Duration::from_secs(60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_lines_defaults_are_those_of_the_code() {
        let cli = Cli::try_parse_from(["agent"]).unwrap();
        assert_eq!(format!("{:?}", cli.config), format!("{:?}", Config::default()));
    }

    #[test]
    fn a_wrong_address_is_named_and_exits_with_2() {
        let error = Cli::try_parse_from(["agent", "--listen", "8500"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("--listen"), "{error}");
    }
}
