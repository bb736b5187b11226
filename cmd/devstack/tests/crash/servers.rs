//! The servers that the cases kill: a Kafka and a PostgreSQL, run by the project's scripts.

use crate::process::free_port;
use libtest_mimic::Failed;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// The number of partitions of each topic.
pub(crate) const PARTITIONS: i32 = 8;

/// Returns why the cases can't run, if so.
pub(crate) fn missing() -> Option<String> {
    let asked = env::var("MARQUEE_TEST_KAFKA").is_ok_and(|kafka| kafka == "own");
    (!asked).then(|| "they kill the servers that they start: MARQUEE_TEST_KAFKA=own".to_owned())
}

/// Returns the number in a variable, otherwise `default`.
pub(crate) fn number<T: FromStr>(variable: &str, default: T) -> T {
    let parse = |text: String| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}"));
    env::var(variable).ok().map_or(default, parse)
}

/// Returns a random number generator whose seed is printed.
pub(crate) fn random() -> StdRng {
    let seed = number("MARQUEE_TEST_SEED", rand::random::<u32>().into());
    eprintln!("MARQUEE_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// Returns a runtime for asynchronous calls.
pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// The servers, each started on first use.
#[derive(Default)]
pub(crate) struct Servers(Mutex<Running>);

#[derive(Default)]
struct Running {
    kafka: Option<Server>,
    postgres: Option<Server>,
    topics: usize,
}

/// A server run by one of the scripts.
#[derive(Debug)]
struct Server {
    script: &'static str,
    folder: TempDir,
    port: u16,
}

impl Server {
    fn new(script: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // PostgreSQL may run as another user.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let server = Self { script, folder, port: free_port() };
        server.start();
        server
    }

    fn start(&self) {
        // A server would outlive a killed test program, unless the script knows its owner.
        let (port, owner) = (self.port.to_string(), std::process::id().to_string());
        self.run("start", &[&port, "--until", &owner]);
    }

    fn run(&self, action: &str, more: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts").join(self.script);
        let folder = self.folder.path().join("server");
        let mut command = Command::new(script);
        // Its output goes to a file, because a server left running would keep a pipe open.
        let output = self.folder.path().join("output");
        command.arg(action).arg(folder).args(more).stdout(fs::File::create(&output).unwrap());
        assert!(command.status().unwrap().success(), "{} {action}", self.script);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.run("kill", &[]);
    }
}

impl Servers {
    fn running(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the broker's address.
    pub(crate) fn kafka(&self) -> String {
        let mut running = self.running();
        let server = running.kafka.get_or_insert_with(|| Server::new("kafka"));
        format!("127.0.0.1:{}", server.port)
    }

    /// Returns the URL of the PostgreSQL server, without a database.
    pub(crate) fn postgres(&self) -> String {
        let mut running = self.running();
        let server = running.postgres.get_or_insert_with(|| Server::new("postgres"));
        format!("postgres://postgres@127.0.0.1:{}", server.port)
    }

    /// Kills and restarts the broker.
    pub(crate) fn crash_kafka(&self) {
        crash(self.running().kafka.as_ref());
    }

    /// Kills and restarts the PostgreSQL server.
    pub(crate) fn crash_postgres(&self) {
        crash(self.running().postgres.as_ref());
    }

    /// Creates a topic; returns its name.
    pub(crate) fn topic(&self) -> Result<String, Failed> {
        let brokers = self.kafka();
        let name = {
            let mut running = self.running();
            running.topics += 1;
            format!("ratings-{}", running.topics)
        };
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", brokers).create()?;
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
        let topic = NewTopic::new(&name, PARTITIONS, TopicReplication::Fixed(1));
        let made = runtime().block_on(admin.create_topics([&topic], &options))?;
        made.into_iter().next().ok_or("no answer")?.map_err(|(_, error)| error)?;
        Ok(name)
    }

    /// Stops all of them.
    pub(crate) fn end(&self) {
        *self.running() = Running::default();
    }
}

fn crash(server: Option<&Server>) {
    let server = server.unwrap();
    server.run("kill", &[]);
    server.start();
}
