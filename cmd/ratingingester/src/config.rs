//! The command line: what is read, and which Kafka topic it goes to.

use clap::{Args, Parser, ValueEnum};
use rdkafka::ClientConfig;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Formats:
  jsonl  one event a line: {\"userId\",\"recordId\",\"recordType\",\"value\",\"providerId\"?,\"eventType\"?:\"put\"|\"delete\",\"ratedAt\"?}
  json   an array of such events
  csv    with a header: userId,recordId,recordType,value[,providerId][,eventType][,ratedAt], or that of
         MovieLens' ratings.csv: userId,movieId,rating[,timestamp] (movies; stars are doubled to 1 to 10)

A line that can't be read is counted, named with its number and reason (the first 20), and never stops the run.

Exit codes:
  0  everything read was sent, or asked to stop and everything read until then was sent
  1  failed while running (the broker can't be reached, a file can't be read or written)
  2  bad arguments
  3  sent, but some lines were rejected";

/// Sends ratings from a file or standard input to Kafka.
#[derive(Clone, Debug, Parser)]
#[command(name = "ratingingester", version, after_help = AFTER_HELP)]
pub struct Config {
    /// The file to read; `-` or none is standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    pub input: PathBuf,

    /// The input's format; without it the file's extension and first character decide.
    #[arg(long)]
    pub format: Option<Format>,

    /// A file for the rejected lines, as they were read; it is overwritten.
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,

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
    /// Brokers to ask first, separated by commas.
    #[arg(
        long = "kafka",
        env = "KAFKA_BROKERS",
        value_name = "HOST:PORT,…",
        default_value = "127.0.0.1:9092"
    )]
    pub brokers: String,

    /// The topic.
    #[arg(long = "kafka-topic", env = "KAFKA_TOPIC", value_name = "TOPIC", default_value = "ratings")]
    pub topic: String,

    /// Any setting of librdkafka (SASL, TLS, timeouts); may be repeated.
    #[arg(long = "kafka-option", value_name = "KEY=VALUE", value_parser = option)]
    pub options: Vec<(String, String)>,
}

fn option(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or("must be KEY=VALUE, as in security.protocol=SSL")?;
    // librdkafka says itself which settings it knows and what they take.
    ClientConfig::new().set(key, value).create_native_config().map_err(|error| error.to_string())?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Config::command().debug_assert();
    }

    #[test]
    fn an_option_is_a_setting_that_librdkafka_knows() {
        assert_eq!(option("client.id=c=d"), Ok(("client.id".to_owned(), "c=d".to_owned())));
        for refused in ["client.id", "=c", "no.such.setting=1", "linger.ms=soon"] {
            assert!(option(refused).is_err(), "{refused}");
        }
    }
}
