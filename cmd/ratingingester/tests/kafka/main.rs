//! The program against a real Apache Kafka with TLS and SCRAM-SHA-512, if `MARQUEE_TEST_KAFKA_TLS` names a client's
//! settings (`scripts/kafka start --sasl-ssl` writes them) and the build has the cargo feature `kafka-tls`.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::io::Write;
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// The variable with the name of a file of librdkafka settings.
const CLIENT: &str = "MARQUEE_TEST_KAFKA_TLS";

const EVENT: &str = r#"{"userId":"u","recordId":"1","recordType":"movie","value":7}"#;

type Settings = Vec<(String, String)>;

fn main() -> ExitCode {
    let case = Trial::ignorable_test("sasl_ssl::events_are_sent_and_letters_read", || match client() {
        Ok(client) => events_are_sent_and_letters_read(&client),
        Err(reason) => Ok(Completion::ignored_with(reason)),
    });
    libtest_mimic::run(&Arguments::from_args(), vec![case]).exit_code()
}

/// Returns a client's settings, or the reason why the tests are ignored: none are given, or the build can't use them.
fn client() -> Result<Settings, String> {
    if !cfg!(feature = "kafka-tls") {
        return Err("built without the cargo feature kafka-tls".to_owned());
    }
    let path = std::env::var(CLIENT).map_err(|_| format!("{CLIENT} names no settings"))?;
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

fn events_are_sent_and_letters_read(client: &Settings) -> Result<Completion, Failed> {
    let topic = format!("ratings-tls-{}", std::process::id());
    create(client, &topic)?;

    let sent = run(client, &["--kafka-topic", &topic]);
    assert_eq!(sent.status.code(), Some(0), "{}", text(&sent));
    let mut settings = settings(client);
    let reader: BaseConsumer = settings.set("group.id", "reader").create()?;
    assert_eq!(reader.fetch_watermarks(&topic, 0, PATIENCE)?, (0, 1));

    // An event is not a dead letter, but it is read as one.
    let replayed = run(client, &["replay", "--from", &topic]);
    assert_eq!(replayed.status.code(), Some(3), "{}", text(&replayed));
    assert!(text(&replayed).contains("1 letters read, 0 replayed, 1 skipped"), "{}", text(&replayed));

    let wrong = run(client, &["--kafka-topic", &topic, "--kafka-option", "sasl.password=wrong"]);
    assert_eq!(wrong.status.code(), Some(1), "{}", text(&wrong));
    assert!(text(&wrong).contains("uthentication"), "{}", text(&wrong));
    Ok(Completion::Completed)
}

fn settings(client: &Settings) -> ClientConfig {
    client.iter().cloned().collect()
}

fn create(client: &Settings, topic: &str) -> Result<(), Failed> {
    let admin: AdminClient<DefaultClientContext> = settings(client).create()?;
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let created = runtime.block_on(admin.create_topics([&new], &options))?;
    created.into_iter().try_for_each(|created| created.map(drop)).map_err(|(_, code)| code.into())
}

/// Runs the program with one event as its input.
fn run(client: &Settings, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ratingingester"));
    let (subcommand, arguments) = arguments.split_at(usize::from(arguments[0] == "replay"));
    command.args(subcommand);
    for (key, value) in client {
        if key == "bootstrap.servers" {
            command.args(["--kafka", value]);
        } else {
            command.args(["--kafka-option", &format!("{key}={value}")]);
        }
    }
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that ends before it reads is judged by its exit code.
    let _ = child.stdin.take().unwrap().write_all(EVENT.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
