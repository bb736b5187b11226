//! The command line.

use clap::{Args, Parser, Subcommand};
use service::config::{consul, filter, listen, workers};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The embedded broker's default address.
pub const BROKER: &str = "127.0.0.1:9092";

const AFTER_HELP: &str = "\
Without a command, the whole stack runs in this process. Movies and ratings are stored in the data \
directory; the embedded broker loses everything when it stops.

Exit codes:
  0  stopped on request
  1  failed while running, or a port is in use
  2  bad arguments";

/// Runs the metadata, rating and movie services with an embedded registry, Kafka broker, sample data, and a console that
/// shows them at work.
#[derive(Clone, Debug, Parser)]
#[command(name = "devstack", version, after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub struct Config {
    /// Runs only one part.
    #[command(subcommand)]
    pub part: Option<Part>,

    /// The whole stack.
    #[command(flatten)]
    pub stack: Stack,
}

/// A part of the stack; `devstack PART --help` shows its flags.
#[derive(Clone, Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum Part {
    /// Runs only the development agent.
    Agent(Own),
    /// Runs only the metadata service.
    Metadata(Own),
    /// Runs only the rating service.
    Rating(Own),
    /// Runs only the movie service.
    Movie(Own),
}

/// A part's own arguments, which the part parses itself.
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub struct Own {
    /// The part's flags.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS")]
    pub flags: Vec<OsString>,
}

/// The arguments of the whole stack.
#[derive(Args, Clone, Debug)]
pub struct Stack {
    /// A MovieLens folder to load instead of the built-in catalogue and its simulated users.
    #[arg(long, value_name = "DIR")]
    pub movielens: Option<PathBuf>,

    /// The folder for databases; the catalogue and MovieLens have separate subfolders.
    #[arg(long, value_name = "DIR", default_value = ".data/devstack", value_parser = flags::folder)]
    pub data_dir: PathBuf,

    /// Deletes the movies and ratings of earlier runs.
    #[arg(long)]
    pub fresh: bool,

    /// A Consul agent to use instead of the embedded one.
    #[arg(long, value_name = "URL", value_parser = consul)]
    pub consul: Option<String>,

    /// Kafka brokers to use instead of the embedded one.
    #[arg(long, value_name = "HOST:PORT,…", value_parser = flags::brokers)]
    pub kafka: Option<String>,

    /// A librdkafka setting for these brokers (SASL, timeouts; TLS and SCRAM if built with the cargo feature
    /// kafka-tls); may be repeated.
    #[arg(long = "kafka-option", value_name = "KEY=VALUE", value_parser = kafka::option, requires = "kafka")]
    pub kafka_options: Vec<(String, String)>,

    /// A database for both services instead of SQLite files: postgres://… or memory:
    #[arg(long, value_name = "URL", value_parser = shared_database, conflicts_with = "fresh")]
    pub database: Option<String>,

    /// The number of instances of metadata and of rating: 1 to 8. The first listens on the configured port, the others on
    /// free ports. Instances of one service share a store; the first of rating ingests.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = flags::whole(1..=8_usize))]
    pub instances: usize,

    /// The number of worker threads of each instance [default: one per core].
    #[arg(long, value_name = "N", value_parser = workers)]
    pub workers: Option<usize>,

    /// The filter of the log on standard error: a level, or comma-separated target=level pairs. librdkafka is off by
    /// default because the services report unreachable brokers too.
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "warn,rdkafka=off,librdkafka=off",
          value_parser = filter)]
    pub log: String,

    /// Starts no console. Without it, there are no faults and no load, and instances are called without a proxy.
    #[arg(long, conflicts_with_all = ["console", "otlp", "no_load"])]
    pub no_console: bool,

    /// Sends no load to the movie service. The console needs it to show what callers notice of faults.
    #[arg(long)]
    pub no_load: bool,

    /// The addresses to listen on.
    #[command(flatten)]
    pub listen: Listen,
}

/// The addresses to listen on; port 0 selects a free port.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Addresses")]
pub struct Listen {
    /// The console's address. Its buttons break the stack: listen on loopback unless everyone who reaches the address may
    /// use them.
    #[arg(long = "console", value_name = "ADDR:PORT", default_value = console::config::LISTEN, value_parser = listen)]
    pub console: SocketAddr,
    /// The address on which the console receives traces and logs, by OTLP over gRPC. With a console, all services send
    /// theirs to it, unless OTEL_EXPORTER_OTLP_ENDPOINT is set.
    #[arg(long = "otlp-listen", value_name = "ADDR:PORT", default_value = console::config::OTLP_LISTEN,
          value_parser = listen)]
    pub otlp: SocketAddr,
    /// The embedded agent's address.
    #[arg(long = "agent-listen", value_name = "ADDR:PORT", default_value = agent::config::LISTEN,
          value_parser = listen)]
    pub agent: SocketAddr,
    /// The embedded broker's address.
    #[arg(long = "kafka-listen", value_name = "ADDR:PORT", default_value = BROKER, value_parser = listen)]
    pub broker: SocketAddr,
    /// The metadata service's address.
    #[arg(long = "metadata-listen", value_name = "ADDR:PORT", default_value = metadata::LISTEN, value_parser = listen)]
    pub metadata: SocketAddr,
    /// The rating service's address.
    #[arg(long = "rating-listen", value_name = "ADDR:PORT", default_value = rating::LISTEN, value_parser = listen)]
    pub rating: SocketAddr,
    /// The movie service's address.
    #[arg(long = "movie-listen", value_name = "ADDR:PORT", default_value = movie::LISTEN, value_parser = listen)]
    pub movie: SocketAddr,
}

impl Own {
    /// Returns the command line of `part`.
    #[must_use]
    pub fn line(&self, part: &str) -> Vec<OsString> {
        let name = OsString::from(format!("devstack {part}"));
        std::iter::once(name).chain(self.flags.iter().cloned()).collect()
    }
}

fn shared_database(text: &str) -> Result<String, String> {
    let known = text == "memory:" || text.starts_with("postgres://") || text.starts_with("postgresql://");
    if !known {
        return Err("must be postgres://… or memory:, which both services can share".to_owned());
    }
    text.parse::<storage::Url>().map(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Config, clap::Error> {
        flags::try_parse(line.split(' ').map(Into::into))
    }

    #[test]
    fn command_line_is_consistent() {
        Config::command().debug_assert();
    }

    #[test]
    fn part_reads_its_own_flags() {
        for line in ["devstack rating --port 9 --help", "devstack rating --port 9 --version"] {
            let Some(Part::Rating(own)) = parse(line).unwrap().part else { panic!("{line}") };
            assert_eq!(own.flags.len(), 3, "{line}");
        }
    }

    #[test]
    fn stack_has_no_part() {
        let config = parse("devstack --movielens /m --metadata-listen 127.0.0.1:0").unwrap();
        assert!(config.part.is_none());
        assert_eq!(config.stack.listen.metadata.port(), 0);
        assert_eq!(config.stack.listen.movie, movie::LISTEN.parse().unwrap());
        assert_eq!(config.stack.instances, 2);
    }

    #[test]
    fn invalid_value_is_exit_2_and_names_flag() {
        for (line, flag) in [
            ("devstack --workers 0", "--workers"),
            ("devstack --database sqlite:x.db", "--database"),
            ("devstack --database memory: --fresh", "--fresh"),
            ("devstack --database postgres://x:port/y", "--database"),
            ("devstack --database memory:x", "--database"),
            ("devstack --workers -1", "--workers"),
            ("devstack --workers 1025", "--workers"),
            ("devstack --kafka no-port-here", "--kafka"),
            ("devstack --kafka a:1,", "--kafka"),
            ("devstack --consul ftp://x", "--consul"),
            ("devstack --log devstack=loud", "--log"),
            ("devstack --instances 0", "--instances"),
            ("devstack --instances 9", "--instances"),
            ("devstack --instances -1", "--instances"),
            ("devstack --instances two", "--instances"),
            ("devstack --console 8080", "--console"),
            ("devstack --console localhost:8080", "--console"),
            ("devstack --otlp-listen -1", "--otlp-listen"),
            ("devstack --no-console --console 127.0.0.1:0", "--console"),
            ("devstack --no-console --otlp-listen 127.0.0.1:0", "--otlp-listen"),
            ("devstack --no-console --no-load", "--no-load"),
            ("devstack --data-dir Cargo.toml", "--data-dir"),
            ("devstack --agent-listen 8500", "--agent-listen"),
            ("devstack --kafka-listen localhost:1", "--kafka-listen"),
            ("devstack --metadata-listen 127.0.0.1:99999", "--metadata-listen"),
            ("devstack --rating-listen -1", "--rating-listen"),
            ("devstack --fresh rating", "rating"),
            ("devstack unknown", "unknown"),
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(flag), "{line}: {error}");
        }
    }
}
