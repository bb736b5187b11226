//! The agent's command line.

use clap::{Args, Parser};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// The default HTTP address.
pub const LISTEN: &str = "127.0.0.1:8500";

/// The default DNS address, used if it is free.
pub const DNS_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8600);

/// A development agent with Consul's HTTP and DNS interfaces. It stores everything in memory.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "agent",
    version,
    after_help = "Exit codes: 0 stopped on request, 1 failed while running, 2 bad arguments"
)]
pub struct Cli {
    /// The agent's arguments.
    #[command(flatten)]
    pub config: Config,

    /// The log filter: a level, or comma-separated target=level pairs
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "info,hickory_server=warn",
          value_parser = service::config::filter)]
    pub log: String,
}

/// The agent's settings.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// The address to serve HTTP on; port 0 selects a free port
    #[arg(long, value_name = "ADDR:PORT", env = "AGENT_LISTEN", default_value = LISTEN,
          value_parser = service::config::listen)]
    pub listen: SocketAddr,

    /// The address to serve DNS on, over UDP and TCP, or `none` [default: 127.0.0.1:8600, if it is free]
    #[arg(long, value_name = "ADDR:PORT", env = "AGENT_DNS_LISTEN", value_parser = dns_listen)]
    pub dns_listen: Option<DnsListen>,

    /// The token that requests must have [default: any token is accepted and ignored]
    #[arg(long, value_name = "TOKEN", env = "AGENT_TOKEN", hide_env_values = true)]
    pub token: Option<String>,

    /// The minimum of DeregisterCriticalServiceAfter; Consul's own minimum is 1m
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = service::duration)]
    pub deregister_floor: Duration,
}

/// Where to serve DNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsListen {
    /// Nowhere.
    Off,
    /// At this address, over UDP and TCP; port 0 selects a free port.
    At(SocketAddr),
}

fn dns_listen(text: &str) -> Result<DnsListen, String> {
    match text {
        "none" => Ok(DnsListen::Off),
        address => {
            service::config::listen(address).map(DnsListen::At).map_err(|error| format!("{error}, or none"))
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8500)),
            dns_listen: None,
            token: None,
            deregister_floor: Duration::from_secs(60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_of_command_line_equal_those_of_code() {
        let cli = Cli::try_parse_from(["agent"]).unwrap();
        assert_eq!(format!("{:?}", cli.config), format!("{:?}", Config::default()));
    }

    #[test]
    fn dns_is_answered_at_an_address_or_nowhere() {
        for (text, expected) in [
            ("none", Some(DnsListen::Off)),
            ("127.0.0.1:8600", Some(DnsListen::At(DNS_LISTEN))),
            ("8600", None),
            ("None", None),
        ] {
            let cli = Cli::try_parse_from(["agent", "--dns-listen", text]);
            assert_eq!(cli.ok().and_then(|cli| cli.config.dns_listen), expected, "{text}");
        }
    }

    #[test]
    fn invalid_value_names_flag_value_and_rule() {
        for (flag, value, rule) in [
            ("--listen", "8500", "an IP address and a port"),
            ("--dns-listen", "8600", "an IP address and a port"),
            ("--deregister-floor", "-1s", "500ms, 2s or 1m"),
            ("--deregister-floor", "99999999999999h", "500ms, 2s or 1m"),
            ("--log", "agent=loud", "target=level"),
        ] {
            let error = flags::try_parse::<Cli>(["agent", flag, value].map(Into::into)).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            let error = error.to_string();
            for part in [flag, value, rule] {
                assert!(error.contains(part), "{flag} {value}: {error}");
            }
        }
    }
}
