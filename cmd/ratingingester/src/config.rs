//! The command line: what is read or simulated, and which Kafka topic it goes to.

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use http::Uri;
use http::uri::{PathAndQuery, Scheme};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

const AFTER_HELP: &str = "\
Formats:
  jsonl  one event a line: {\"userId\",\"recordId\",\"recordType\",\"value\",\"providerId\"?,\"eventType\"?:\"put\"|\"delete\",\"ratedAt\"?}
  json   an array of such events
  csv    with a header: userId,recordId,recordType,value[,providerId][,eventType][,ratedAt], or that of
         MovieLens' ratings.csv: userId,movieId,rating[,timestamp] (movies; stars are doubled to 1 to 10)

A line that can't be read is counted, named with its number and reason (the first 20), and never stops the run.

--verify counts what is sent, the last event of each user and record, and holds that against what the service \
serves about these records. It presumes that they had no ratings before and that nobody else rates them meanwhile, \
and it deletes nothing. It keeps 20 to 40 bytes for each rating and about 200 for each record. Differences go to \
standard output.

Exit codes:
  0  everything read was sent, or asked to stop and everything read until then was sent
  1  failed while running (the broker can't be reached, a file can't be read or written, --verify found a difference)
  2  bad arguments
  3  sent, but some lines were rejected";

/// What says how a file is read; with simulated viewers there is none.
const OF_FILES: [&str; 4] = ["input", "format", "rejects", "repeat"];

const AFTER_REPLAY_HELP: &str = "\
A letter goes back to the topic that its header names, into the partition that it was in, with its key, bytes and \
content type. One that still breaks a rule, whose value is missing, or that was cut to fit (its value, key or content \
type) is left: it is counted, and the first 20 are named with partition, offset and reason. --out keeps the bytes of \
those that are JSON; repaired, the file is sent as any other: ratingingester FILE.

A replayed event comes after everything that its user and record did since: an old rating then takes the place of a \
newer one. Without --group every run tries all letters again; that counts nothing twice, as a user has one rating \
of a record, but it makes old ratings the last word again. With --group a letter is tried once, whatever came of \
it, unless the run fails: then nothing is committed.

Exit codes:
  0  all letters were replayed
  1  failed while running
  2  bad arguments
  3  some letters were left";

/// Sends ratings from a file or standard input to Kafka, or those of simulated viewers.
#[derive(Clone, Debug, Parser)]
#[command(name = "ratingingester", version, after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub struct Config {
    /// Does something else than sending ratings.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// What is sent, and where to.
    #[command(flatten)]
    pub sending: Sending,
}

/// What there is to do beside sending ratings. A file of such a name is read as `./replay`.
#[derive(Clone, Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum Command {
    /// Sends dead letters that are valid now back to where they came from, and reports the rest.
    Replay(Replay),
}

/// Which dead letters are tried again.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_REPLAY_HELP)]
pub struct Replay {
    /// The topic of dead letters; it is read from its beginning to its present end.
    #[arg(long, value_name = "TOPIC", default_value = "ratings.dlq")]
    pub from: String,

    /// Begins where this consumer group ended, and commits the end for the next time.
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,

    /// A file for the letters that are left, a line each, to be repaired and sent again; it is overwritten.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// How the cluster is reached.
    #[command(flatten)]
    pub cluster: Cluster,
}

/// What is sent, and where to.
#[derive(Args, Clone, Debug)]
pub struct Sending {
    /// The file to read; `-` or none is standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    pub input: PathBuf,

    /// The input's format; without it the file's extension and first character decide.
    #[arg(long)]
    pub format: Option<Format>,

    /// A file for the rejected lines, as they were read (an event that only the brokers refuse: its JSON); it is
    /// overwritten.
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,

    /// Sends at most so many events a second, evenly.
    #[arg(long, value_name = "EVENTS", value_parser = RangedU64ValueParser::<u64>::new().range(1..=10_000_000))]
    pub rate: Option<u64>,

    /// Sends the file so many times, one after the other; standard input can't be read again.
    #[arg(long, value_name = "TIMES", default_value = "1")]
    pub repeat: NonZeroU64,

    /// Simulates so many viewers (1 to 1,000,000) in the place of a file, until it is stopped.
    #[arg(
        long,
        value_name = "USERS",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000),
        conflicts_with_all = OF_FILES
    )]
    pub simulate: Option<usize>,

    /// The viewers' seed: with the same viewers and movies it gives the same events.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "simulate", conflicts_with_all = OF_FILES)]
    pub seed: u64,

    /// How many events the viewers send.
    #[arg(long, value_name = "N", requires = "simulate", conflicts_with_all = OF_FILES)]
    pub events: Option<u64>,

    /// How many movies there are to rate (1 to 1,000,000): simulated-1 and on, the most popular first.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10_000,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000),
        requires = "simulate",
        conflicts_with_all = OF_FILES
    )]
    pub records: usize,

    /// The rating service that is asked afterwards what it made of the events: http://HOST:PORT.
    #[arg(long, value_name = "URL", value_parser = service)]
    pub verify: Option<Uri>,

    /// How long the rating service may take to apply everything.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration, requires = "verify")]
    pub verify_timeout: Duration,

    /// Where to send.
    #[command(flatten)]
    pub kafka: Kafka,
}

/// How the input is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object a line.
    #[value(alias = "ndjson")]
    Jsonl,
    /// One JSON array.
    Json,
    /// Comma-separated, with a header.
    Csv,
}

/// The topic to send to, and how its cluster is reached.
#[derive(Args, Clone, Debug)]
pub struct Kafka {
    /// How the cluster is reached.
    #[command(flatten)]
    pub cluster: Cluster,

    /// The topic.
    #[arg(long = "kafka-topic", env = "KAFKA_TOPIC", value_name = "TOPIC", default_value = "ratings")]
    pub topic: String,
}

/// How a Kafka cluster is reached.
#[derive(Args, Clone, Debug)]
pub struct Cluster {
    /// Brokers to ask first, separated by commas.
    #[arg(
        long = "kafka",
        env = "KAFKA_BROKERS",
        value_name = "HOST:PORT,…",
        default_value = "127.0.0.1:9092"
    )]
    pub brokers: String,

    /// Any setting of librdkafka (SASL, timeouts; TLS and SCRAM if built with the cargo feature kafka-tls); may be
    /// repeated.
    #[arg(long = "kafka-option", value_name = "KEY=VALUE", value_parser = kafka::option)]
    pub options: Vec<(String, String)>,
}

impl Cluster {
    /// A client's settings: `defaults`, which the options override.
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

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "expected a duration such as 500ms, 2s or 1m".to_owned())
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
    fn the_command_line_is_consistent() {
        Config::command().debug_assert();
    }
}
