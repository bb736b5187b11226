//! The console's command line.

use clap::{Args, Parser};
use service::LogFormat;
use std::net::{Ipv4Addr, SocketAddr};

/// The default address of the page.
pub const LISTEN: &str = "127.0.0.1:8080";

/// The default address of the OTLP/gRPC receiver, OpenTelemetry's own default port.
pub const OTLP_LISTEN: &str = "127.0.0.1:4317";

const AFTER_HELP: &str = "\
The console receives OTLP over gRPC, scrapes /metrics, watches the registry and reads public routes. It stores a \
bounded part of what it sees, in memory only. In production, use Jaeger, Prometheus and Grafana instead.

Exit codes:
  0  stopped on request
  1  failed while running, or a port is in use
  2  bad arguments";

/// Shows a running fleet on one page: map, traces, logs, ingestion, and requests to try.
#[derive(Clone, Debug, Parser)]
#[command(name = "console", version, after_help = AFTER_HELP)]
pub struct Cli {
    /// The console's settings.
    #[command(flatten)]
    pub config: Config,

    /// The format of the log on standard error [default: text on a terminal, otherwise json]
    #[arg(long, env, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,

    /// The log filter: a level, or comma-separated target=level pairs
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "info,rdkafka=off",
          value_parser = service::config::filter)]
    pub log: String,
}

/// The console's settings.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// The address to serve the page on; port 0 selects a free port. Its buttons are a remote control: listen on
    /// loopback unless everyone who reaches the address may use them
    #[arg(long, value_name = "ADDR:PORT", env = "CONSOLE_LISTEN", default_value = LISTEN,
          value_parser = service::config::listen)]
    pub listen: SocketAddr,

    /// The address to receive traces and logs on, by OTLP over gRPC; port 0 selects a free port
    #[arg(long, value_name = "ADDR:PORT", env = "CONSOLE_OTLP_LISTEN", default_value = OTLP_LISTEN,
          value_parser = service::config::listen)]
    pub otlp_listen: SocketAddr,

    /// Consul's HTTP address
    #[arg(long, env = "CONSUL_HTTP_ADDR", value_name = "URL", default_value = "http://127.0.0.1:8500",
          value_parser = service::config::consul)]
    pub consul: String,

    /// The ACL token for Consul
    #[arg(long, env = "CONSUL_HTTP_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub consul_token: Option<String>,

    /// The services to show, by their names in the registry
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "metadata,rating,movie",
          value_parser = service_name)]
    pub services: Vec<String>,

    /// Kafka bootstrap brokers, separated by commas: shows their state and the dead letters
    #[arg(long, env = "KAFKA_BROKERS", value_name = "HOST:PORT,…", value_parser = flags::brokers)]
    pub kafka: Option<String>,

    /// A librdkafka setting (SASL, timeouts; TLS and SCRAM if built with the cargo feature kafka-tls); may be repeated
    #[arg(long = "kafka-option", value_name = "KEY=VALUE", value_parser = kafka::option, requires = "kafka")]
    pub kafka_options: Vec<(String, String)>,

    /// The topic of dead letters
    #[arg(long, value_name = "TOPIC", default_value = "ratings.dlq", value_parser = flags::topic)]
    pub dead_letters: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            otlp_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4317)),
            consul: "http://127.0.0.1:8500".to_owned(),
            consul_token: None,
            services: ["metadata", "rating", "movie"].map(str::to_owned).to_vec(),
            kafka: None,
            kafka_options: Vec::new(),
            dead_letters: "ratings.dlq".to_owned(),
        }
    }
}

fn service_name(text: &str) -> Result<String, String> {
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if text.is_empty() || text.len() > 63 || !text.chars().all(valid) {
        return Err("expected names of up to 63 letters, digits, hyphens and underscores".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_of_command_line_equal_those_of_code() {
        let cli = Cli::try_parse_from(["console"]).unwrap();
        assert_eq!(format!("{:?}", cli.config), format!("{:?}", Config::default()));
    }

    #[test]
    fn invalid_value_names_flag_value_and_rule() {
        for (flag, value, rule) in [
            ("--listen", "8080", "an IP address and a port"),
            ("--otlp-listen", "localhost:4317", "an IP address and a port"),
            ("--consul", "ftp://x", "consul"),
            ("--services", "movie,", "up to 63 letters"),
            ("--services", "../etc", "up to 63 letters"),
            ("--kafka", "no-port", "HOST:PORT"),
            ("--dead-letters", "a b", "dead-letters"),
            ("--log", "console=loud", "target=level"),
        ] {
            let error = flags::try_parse::<Cli>(["console", flag, value].map(Into::into)).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            let error = error.to_string();
            for part in [flag, rule] {
                assert!(error.contains(part), "{flag} {value}: {error}");
            }
        }
    }
}
