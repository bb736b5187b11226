//! An independent check of the rating service: reads the topic from its beginning, computes what must be stored,
//! and compares. It shares no code with the service but the parsers of flags, so that no mistake can be in both.

pub mod compare;
mod event;
pub mod log;
pub mod stored;
pub mod tally;
mod time;

use anyhow::bail;
use clap::Parser;
use compare::{Differences, against_itself, against_log};
use log::{Log, Reader};
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use sqlx::postgres::PgConnectOptions;
use std::fmt;
use std::time::{Duration, Instant};
use stored::Database;

const AFTER_HELP: &str = "\
Checks that each aggregate equals a recount of the stored ratings. With --kafka, also checks that ratings, \
aggregates, revisions and stored offsets are those that result from the topic's events, and that every invalid \
event is in the dead-letter topic. The topic must be complete and the only source of ratings: a rating put by an \
API call is reported as a difference. Do not write to the topic meanwhile. Reading changes nothing.

Exit codes:
  0  no differences
  1  differences were found, or the database or topic can't be read
  2  bad arguments";

/// Computes from a topic what the rating service must have stored, and compares it with the database.
#[derive(Clone, Debug, Parser)]
#[command(name = "recount", version, after_help = AFTER_HELP)]
pub struct Config {
    /// The rating service's database: sqlite:PATH or postgres://USER@HOST/DATABASE.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL", value_parser = database)]
    pub database: String,

    /// Bootstrap brokers, separated by commas; without them, only the database is checked for consistency.
    #[arg(long, env = "KAFKA_BROKERS", value_name = "HOST:PORT,…", value_parser = flags::brokers)]
    pub kafka: Option<String>,

    /// The topic of rating events; dead letters are in the topic of the same name with the suffix `.dlq`.
    #[arg(long, env = "KAFKA_TOPIC", value_name = "TOPIC", default_value = "ratings",
          value_parser = flags::topic)]
    pub topic: String,

    /// A librdkafka setting (SASL, TLS); may be repeated.
    #[arg(long = "kafka-option", value_name = "KEY=VALUE", value_parser = option)]
    pub options: Vec<(String, String)>,

    /// The number of seconds to wait for the stored offsets to reach the topic's end.
    #[arg(long, value_name = "SECONDS", default_value_t = 0,
          value_parser = flags::whole(0..=86_400_u64))]
    pub wait: u64,
}

fn option(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE, such as security.protocol=SSL")?;
    let refused = |error: KafkaError| match error {
        // Its text repeats the value, which may be secret.
        KafkaError::ClientConfig(_, reason, ..) if !value.is_empty() => reason.replace(value, "…"),
        error => error.to_string(),
    };
    ClientConfig::new().set(key, value).create_native_config().map_err(refused)?;
    Ok((key.to_owned(), value.to_owned()))
}

fn database(text: &str) -> Result<String, String> {
    let expected = "expected sqlite:PATH or postgres://USER@HOST/DATABASE";
    match text.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(text.to_owned()),
        Some(("postgres" | "postgresql", _)) => {
            let options: Result<PgConnectOptions, _> = text.parse();
            options.map(|_| text.to_owned()).map_err(|error| format!("{expected}: {error}"))
        }
        _ => Err(expected.to_owned()),
    }
}

/// The result of a comparison.
#[derive(Debug, Default)]
pub struct Report {
    /// What was compared, one line each.
    pub compared: Vec<String>,
    /// The differences.
    pub differences: Differences,
}

impl Report {
    /// Returns true if nothing differs.
    #[must_use]
    pub const fn agrees(&self) -> bool {
        self.differences.count == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.compared.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        write!(f, "{}", self.differences)
    }
}

/// Reads the topic and the database and compares them.
///
/// # Errors
///
/// If the topic or the database can't be read.
pub async fn run(config: &Config) -> anyhow::Result<Report> {
    let mut database = Database::open(&config.database).await?;
    let Some(brokers) = &config.kafka else {
        let stored = database.read("", "").await?;
        let mut report = Report { compared: vec![stored.summary()], ..Report::default() };
        against_itself(&stored, &mut report.differences);
        return Ok(report);
    };
    let reader = Reader::new(brokers, &config.options);
    let log = reader.read(&config.topic)?;
    wait(&mut database, &log, Duration::from_secs(config.wait)).await?;
    let letters = reader.dead_letters(&config.topic)?;
    let stored = database.read(&log.cluster, &log.topic).await?;
    let mut report = Report { compared: vec![log.summary(), stored.summary()], ..Report::default() };
    against_itself(&stored, &mut report.differences);
    against_log(&stored, &log, &letters, &mut report.differences);
    Ok(report)
}

async fn wait(database: &mut Database, log: &Log, patience: Duration) -> anyhow::Result<()> {
    let deadline = Instant::now() + patience;
    loop {
        let offsets = database.offsets(Some(&log.cluster), &log.topic).await?;
        let behind = log.ends.iter().find(|(partition, end)| offsets.get(*partition).unwrap_or(&0) < *end);
        let Some((partition, end)) = behind else { return Ok(()) };
        if Instant::now() >= deadline {
            if patience.is_zero() {
                return Ok(());
            }
            bail!("partition {partition} has not been applied up to {end} within {patience:?}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_value_names_flag_value_and_rule() {
        for (flag, value, rule) in [
            ("--database", "x.db", "sqlite:PATH or postgres://"),
            ("--database", "sqlite:", "sqlite:PATH or postgres://"),
            ("--database", "postgres://x:port/y", "sqlite:PATH or postgres://"),
            ("--kafka", "no-port-here", "HOST:PORT, separated by commas"),
            ("--topic", "a b", "a topic's name"),
            ("--kafka-option", "no.such.setting=1", "no.such.setting"),
            ("--wait", "-1", "from 0 to 86400"),
            ("--wait", "99999999999999", "from 0 to 86400"),
        ] {
            let arguments = ["recount", "--database=sqlite:x.db", flag, value]
                .into_iter()
                .filter(|argument| flag != "--database" || *argument != "--database=sqlite:x.db")
                .map(Into::into);
            let Err(error) = flags::try_parse::<Config>(arguments) else {
                panic!("{flag} {value} was accepted")
            };
            assert_eq!(error.exit_code(), 2);
            let error = error.to_string();
            for part in [flag, value, rule] {
                assert!(error.contains(part), "{flag} {value}: {error}");
            }
        }
    }
}
