//! The command line.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use http::Uri;
use http::uri::{PathAndQuery, Scheme};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

const AFTER_HELP: &str = "\
Formats:
  jsonl  one event per line: {\"userId\",\"recordId\",\"recordType\",\"value\",\"providerId\"?,\"eventType\"?:\"put\"|\"delete\",\"ratedAt\"?}
  json   an array of such events
  csv    with a header: userId,recordId,recordType,value[,providerId][,eventType][,ratedAt], or the header of
         MovieLens' ratings.csv: userId,movieId,rating[,timestamp] (movies; half stars are doubled to 1 to 10);
         separated by commas, semicolons or tabs, as the header is; blanks around fields are ignored

Invalid lines are counted and never stop the run; the first 20 are printed with line number and reason.

--verify computes the expected aggregates from the events sent (the last event per user and record counts) and \
compares them with those of the rating service. It requires that these records had no ratings before and that no \
other client rates them meanwhile; it deletes nothing. It needs 20 to 40 bytes of memory per rating and about 200 \
per record. Differences are printed to standard output.

Exit codes:
  0  everything read was sent (also if stopped on request: everything read until then)
  1  failed while running (no broker can be reached, a file can't be read or written, --verify found a difference)
  2  bad arguments
  3  sent, but some lines were rejected";

/// The arguments about an input file, which conflict with `--simulate`.
const OF_FILES: [&str; 4] = ["input", "format", "rejects", "repeat"];

const AFTER_REPLAY_HELP: &str = "\
A dead letter is sent to the topic and partition that its headers name, with its key, value, content type and trace. A \
letter that is still invalid, has no value, or was truncated (its value, key or content type) is skipped and counted; \
the first 20 are printed with partition, offset and reason. --out writes the values of skipped letters that are JSON \
to a file, which can be repaired and sent with: ratingingester FILE.

A replayed event is applied after all later events of its user and record, so an old rating can replace a newer one. \
Without --group, every run replays all letters; no rating is counted twice, because a user has one rating per record, \
but old ratings replace newer ones again. With --group, each letter is tried once, whatever the result, unless the run \
fails: then no offsets are committed.

Exit codes:
  0  all letters were replayed
  1  failed while running
  2  bad arguments
  3  some letters were skipped";

/// Sends ratings to Kafka: from a file, from standard input, or from simulated users.
#[derive(Clone, Debug, Parser)]
#[command(name = "ratingingester", version, after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub struct Config {
    /// A command other than sending ratings.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The arguments of sending.
    #[command(flatten)]
    pub sending: Sending,
}

/// The commands. To read a file with a command's name, write `./replay`.
#[derive(Clone, Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum Command {
    /// Sends dead letters that are valid now back to their original topic, and reports the rest.
    Replay(Replay),
}

/// The arguments of `replay`.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_REPLAY_HELP)]
pub struct Replay {
    /// The dead-letter topic; it is read from its beginning to its current end.
    #[arg(long, value_name = "TOPIC", default_value = "ratings.dlq", value_parser = flags::topic)]
    pub from: String,

    /// Starts at the committed offsets of this consumer group, and commits the end.
    #[arg(long, value_name = "GROUP", value_parser = NonEmptyStringValueParser::new())]
    pub group: Option<String>,

    /// A file to write skipped letters to, one per line; it is overwritten.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// The Kafka cluster.
    #[command(flatten)]
    pub cluster: Cluster,
}

/// The arguments of sending.
#[derive(Args, Clone, Debug)]
#[command(mut_arg("max_rate", |arg| arg.help("How many events a second are sampled at most")))]
pub struct Sending {
    /// The input file; `-` is standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    pub input: PathBuf,

    /// The input's format [default: detected from the file's extension or first character].
    #[arg(long)]
    pub format: Option<Format>,

    /// A file to write rejected lines to, unchanged (events rejected by the brokers: as JSON); it is overwritten.
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,

    /// The maximum number of events per second, evenly spaced.
    #[arg(long, value_name = "EVENTS", value_parser = flags::whole(1..=10_000_000_u64))]
    pub rate: Option<u64>,

    /// The number of times to send the file; standard input can't be repeated.
    #[arg(long, value_name = "TIMES", default_value = "1",
          value_parser = flags::whole(NonZeroU64::MIN..=NonZeroU64::MAX))]
    pub repeat: NonZeroU64,

    /// Simulates this number of users (1 to 1,000,000) instead of reading a file, until stopped.
    #[arg(
        long,
        value_name = "USERS",
        value_parser = flags::whole(1..=1_000_000_usize),
        conflicts_with_all = OF_FILES
    )]
    pub simulate: Option<usize>,

    /// The seed of the simulation: the same seed, users and movies produce the same events.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = flags::whole(0..=u64::MAX),
          requires = "simulate", conflicts_with_all = OF_FILES)]
    pub seed: u64,

    /// The number of events to simulate [default: no limit].
    #[arg(long, value_name = "N", value_parser = flags::whole(0..=u64::MAX), requires = "simulate",
          conflicts_with_all = OF_FILES)]
    pub events: Option<u64>,

    /// The number of movies to rate (1 to 1,000,000), with ids from simulated-1 on, the most popular first.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10_000,
        value_parser = flags::whole(1..=1_000_000_usize),
        requires = "simulate",
        conflicts_with_all = OF_FILES
    )]
    pub records: usize,

    /// The rating service to compare with after sending: http://HOST:PORT.
    #[arg(long, value_name = "URL", value_parser = service)]
    pub verify: Option<Uri>,

    /// How long to wait for the rating service to apply all events.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = flags::positive_duration,
          requires = "verify")]
    pub verify_timeout: Duration,

    /// The Kafka topic and cluster.
    #[command(flatten)]
    pub kafka: Kafka,

    /// The traces of events.
    #[command(flatten)]
    pub traces: trace::Config,
}

/// The format of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object per line.
    #[value(alias = "ndjson")]
    Jsonl,
    /// One JSON array.
    Json,
    /// Comma-separated values with a header.
    Csv,
}

/// The topic to send to, and its cluster.
#[derive(Args, Clone, Debug)]
pub struct Kafka {
    /// The Kafka cluster.
    #[command(flatten)]
    pub cluster: Cluster,

    /// The topic to send to.
    #[arg(long = "kafka-topic", env = "KAFKA_TOPIC", value_name = "TOPIC", default_value = "ratings",
          value_parser = flags::topic)]
    pub topic: String,
}

/// How to connect to a Kafka cluster.
#[derive(Args, Clone, Debug)]
pub struct Cluster {
    /// Bootstrap brokers, separated by commas.
    #[arg(
        long = "kafka",
        env = "KAFKA_BROKERS",
        value_name = "HOST:PORT,…",
        default_value = "127.0.0.1:9092",
        value_parser = flags::brokers
    )]
    pub brokers: String,

    /// A librdkafka setting (SASL, timeouts; TLS and SCRAM if built with the cargo feature kafka-tls); may be
    /// repeated.
    #[arg(long = "kafka-option", value_name = "KEY=VALUE", value_parser = kafka::option)]
    pub options: Vec<(String, String)>,
}

impl Cluster {
    /// Returns a client's settings: `defaults`, overridden by the options.
    #[must_use]
    pub fn client(&self, defaults: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (key, value) in defaults {
            config.set(*key, *value);
        }
        config.set("bootstrap.servers", &self.brokers);
        for (key, value) in &self.options {
            config.set(key, value);
        }
        config.set_log_level(RDKafkaLogLevel::Error);
        config
    }
}

fn service(text: &str) -> Result<Uri, String> {
    let wrong = || "expected an address such as http://127.0.0.1:8082".to_owned();
    let url: Uri = text.parse().map_err(|_| wrong())?;
    let bare = matches!(url.path_and_query().map(PathAndQuery::as_str), None | Some("/"));
    let plain = url.scheme() == Some(&Scheme::HTTP) && url.authority().is_some();
    if bare && plain { Ok(url) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        Config::command().debug_assert();
    }

    #[test]
    fn invalid_value_names_flag_value_and_rule() {
        for (line, rule) in [
            ("--kafka no-port-here", "HOST:PORT, separated by commas"),
            ("--kafka -1", "HOST:PORT, separated by commas"),
            ("replay --kafka a:1,", "HOST:PORT, separated by commas"),
            ("--kafka-topic a/b", "a topic's name"),
            ("replay --from ..", "a topic's name"),
            ("--kafka-option linger.ms=soon", "linger.ms"),
            ("--rate 0", "from 1 to 10000000"),
            ("--rate -1", "from 1 to 10000000"),
            ("--repeat 0", "a whole number from 1 to"),
            ("--simulate 1000001", "from 1 to 1000000"),
            ("--simulate 1 --records 0", "from 1 to 1000000"),
            ("--simulate 1 --events -5", "a whole number from 0"),
            ("--format xml", "jsonl, json, csv"),
            ("--verify ftp://x", "http://127.0.0.1:8082"),
            ("--verify http://x --verify-timeout -1s", "500ms, 2s or 1m"),
            ("--verify http://x --verify-timeout 0s", "above 0"),
        ] {
            let arguments = ["ratingingester"].into_iter().chain(line.split(' ')).map(Into::into);
            let error = flags::try_parse::<Config>(arguments).expect_err(line);
            assert_eq!(error.exit_code(), 2);
            let error = error.to_string();
            let given = line.rsplit(' ').take(2);
            for part in given.chain([rule]) {
                assert!(error.contains(part), "{line}: {error}");
            }
        }
    }
}
