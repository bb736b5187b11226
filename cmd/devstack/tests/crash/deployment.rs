//! A topic, a database, and the instances of the service that ingest the topic into the database.

use crate::process::{Process, call_text, devstack, free_port};
use crate::servers::{Servers, runtime};
use libtest_mimic::Failed;
use recount::stored;
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use storage::testing;
use tempfile::TempDir;

/// The time limit of any step.
const PATIENCE: Duration = Duration::from_secs(180);

/// The kind of database.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// The environment of the instances.
pub(crate) struct Deployment {
    pub(crate) brokers: String,
    pub(crate) topic: String,
    /// The URL of the database.
    pub(crate) database: String,
    flags: Vec<String>,
    folder: TempDir,
    // Dropped after the instances, which the cases own.
    _database: Option<testing::Database>,
}

/// A running instance; it is killed with SIGKILL on drop.
pub(crate) struct Instance {
    process: Process,
    pub(crate) address: String,
    log: PathBuf,
}

impl Deployment {
    /// Creates a database for the events of `topic`.
    pub(crate) fn new(servers: &Servers, kind: Kind, topic: &str, flags: &[&str]) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let (url, database) = match kind {
            Kind::Sqlite => (format!("sqlite:{}", folder.path().join("rating.db").display()), None),
            Kind::Postgres => {
                let server = servers.postgres();
                let made = runtime().block_on(testing::Database::create(&format!("{server}/postgres")))?;
                let name = made.options().get_database().unwrap_or_default().to_owned();
                (format!("{server}/{name}"), Some(made))
            }
        };
        Ok(Self {
            brokers: servers.kafka(),
            topic: topic.to_owned(),
            database: url,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            folder,
            _database: database,
        })
    }

    /// Starts an instance.
    pub(crate) fn start(&self, name: &str) -> Result<Instance, Failed> {
        let (address, log) = (format!("127.0.0.1:{}", free_port()), self.folder.path().join(name));
        let mut command = devstack();
        command.args(["rating", "--registry", "none", "--workers", "2", "--listen", &address]);
        command.args(["--database", &self.database, "--kafka", &self.brokers]);
        // The group is named after the database, because two databases may have the same topic.
        let group = if self.database.starts_with("sqlite") { "sqlite" } else { "postgres" };
        command.args(["--kafka-topic", &self.topic, "--kafka-group", &format!("{group}-{}", self.topic)]);
        command.args(["--kafka-option", "session.timeout.ms=6000"]);
        command.args(["--kafka-option", "heartbeat.interval.ms=1000"]).args(&self.flags);
        let output = File::options().create(true).append(true).open(&log)?;
        let process = Process::spawn(command.stdout(output.try_clone()?).stderr(output));
        Ok(Instance { process, address, log })
    }

    /// Returns the number of events applied; none while the database can't be read.
    pub(crate) fn applied(&self) -> Option<u64> {
        let read = async {
            let mut database = stored::Database::open(&self.database).await?;
            let offsets = database.offsets(None, &self.topic).await?;
            database.close().await?;
            anyhow::Ok(offsets)
        };
        let offsets = runtime().block_on(read).ok()?;
        u64::try_from(offsets.values().sum::<i64>()).ok()
    }

    /// Waits until at least `events` have been applied.
    pub(crate) fn wait_applied(&self, events: u64) {
        wait_for(&format!("{events} events to be applied"), || self.applied() >= Some(events));
    }

    /// Waits until everything is applied, and compares the database with a recount.
    pub(crate) fn verify(&self) -> Result<(), Failed> {
        let config = recount::Config {
            database: self.database.clone(),
            kafka: Some(self.brokers.clone()),
            topic: self.topic.clone(),
            options: Vec::new(),
            wait: PATIENCE.as_secs(),
        };
        let report = runtime().block_on(recount::run(&config))?;
        eprint!("{report}");
        if report.agrees() { Ok(()) } else { Err("the database and the topic differ".into()) }
    }
}

impl Instance {
    /// Waits until it is ready.
    pub(crate) fn wait_ready(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = call_text("GET", &self.address, "/readyz");
            if matches!(answer, Ok((200, _))) {
                return;
            }
            assert!(Instant::now() < deadline, "it does not get ready: {answer:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Returns its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Freezes it until it is thawed.
    pub(crate) fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// Thaws it.
    pub(crate) fn thaw(&self) {
        self.process.signal("CONT");
    }

    /// Returns the sum and the number of a metric's samples.
    pub(crate) fn metric(&self, name: &str) -> (u64, usize) {
        let Ok((200, text)) = call_text("GET", &self.address, "/metrics") else { return (0, 0) };
        let of_metric =
            |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
        let samples: Vec<u64> =
            text.lines().filter(of_metric).filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
        (samples.iter().sum(), samples.len())
    }

    /// Stops it gracefully, and returns its exit status.
    pub(crate) fn stop(self) -> Result<(), Failed> {
        match self.process.stop().code() {
            Some(0) => Ok(()),
            code => Err(format!("it ended with {code:?}: {}", fs::read_to_string(&self.log)?).into()),
        }
    }
}

/// Waits until `condition` holds.
pub(crate) fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
