//! What does it cost to watch a service of 1,000 instances that changes ten times per second?
//!
//! `cargo bench -p agent --bench watcher` prints the watcher's CPU share of a core and its memory, and
//! exits with 1 if they are not under 2 % and 20 MiB. The agent, the watcher and the source of changes are
//! three processes. Not measured: processing of the sets, and the network.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints figures, and ends if it can't go on"
)]

use discovery::{Registry, consul};
use futures::StreamExt;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const INSTANCES: usize = 1000;
const PACE: Duration = Duration::from_millis(100);
const CHANGES: u32 = 150;

const MOST_PERCENT: f64 = 2.0;
/// The minimum number of sets that must have been seen for a valid measurement: two per second.
const LEAST_SETS: f64 = 30.0;
const MOST_MIB: f64 = 20.0;

/// The argument that starts this program as the watcher, before the registry's address.
const WATCH: &str = "--watch";

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip_while(|argument| argument != WATCH).skip(1);
    if let Some(address) = arguments.next() {
        watch(address);
        return ExitCode::SUCCESS;
    }
    // Other processes on the machine may spoil a run; a line counts as missed if it is missed twice.
    if measure() || measure() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A process that ends with the bench.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn measure() -> bool {
    let (_agent, address) = agent();
    let mut registry = Changes(TcpStream::connect(&address).expect("the agent answers"));
    for number in 0..INSTANCES {
        registry.register(number);
    }
    let (mut watcher, mut says, mut tell) = watcher(&address);
    let agent_before = cpu(_agent.0.id());
    assert_eq!(line(&mut says), "full");
    tell.write_all(b"go\n").expect("the watcher listens");
    let start = Instant::now();
    for change in 0..CHANGES {
        thread::sleep((start + PACE * change).saturating_duration_since(Instant::now()));
        registry.change(change as usize);
    }
    thread::sleep((start + PACE * CHANGES).saturating_duration_since(Instant::now()));
    let agent_percent =
        (cpu(_agent.0.id()) - agent_before).as_secs_f64() / start.elapsed().as_secs_f64() * 100.0;
    tell.write_all(b"stop\n").expect("the watcher listens");
    let told = line(&mut says);
    watcher.0.wait().expect("the watcher ends");
    let told: Vec<f64> = told.split(' ').map(|number| number.parse().expect("a number")).collect();
    let [percent, idle, grown, sets] = told[..] else { panic!("four numbers, not {told:?}") };
    let held = percent < MOST_PERCENT && grown < MOST_MIB && sets > LEAST_SETS;
    println!(
        "watching {INSTANCES} instances, {CHANGES} changes in {:.1} s: {percent:.2} % of a core, {grown:.1} MiB over \
         {idle:.1} MiB idle, {sets} sets seen; the agent {agent_percent:.1} % (under {MOST_PERCENT} % and {MOST_MIB} \
         MiB): {}",
        start.elapsed().as_secs_f64(),
        if held { "held" } else { "MISSED" },
    );
    held
}

/// Starts an agent on a free port.
fn agent() -> (Process, String) {
    let mut agent = Command::new(env!("CARGO_BIN_EXE_agent"))
        .args(["--listen", "127.0.0.1:0", "--dns-listen", "none", "--log", "info"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("the agent starts");
    let mut log = BufReader::new(agent.stderr.take().expect("a log"));
    let up = line(&mut log);
    let (_, address) = up.split_once("http://").expect("where its page is");
    let (address, _) = address.split_once("/ui").expect("where its page is");
    let address = address.to_owned();
    thread::spawn(move || log.read_to_end(&mut Vec::new()));
    (Process(agent), address)
}

/// Starts this program as the watcher, with its output and input.
fn watcher(address: &str) -> (Process, impl BufRead, ChildStdin) {
    let mut watcher = Command::new(std::env::current_exe().expect("this program"))
        .args([WATCH, address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the watcher starts");
    let says = BufReader::new(watcher.stdout.take().expect("its output"));
    let tell = watcher.stdin.take().expect("its input");
    (Process(watcher), says, tell)
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).expect("a line");
    line.trim_end().to_owned()
}

/// A connection that registers and changes instances.
struct Changes(TcpStream);

impl Changes {
    fn register(&mut self, number: usize) {
        let body = format!(
            r#"{{"ID":"rating-host{number}-8082","Name":"rating","Address":"10.0.{}.{}","Port":8082,"Tags":["grpc"],
                "Check":{{"TTL":"1h","Status":"passing","DeregisterCriticalServiceAfter":"1h"}}}}"#,
            number / 250,
            number % 250,
        );
        self.put("service/register", &body);
    }

    /// Makes an instance fail, and pass again some changes later: more than one poll later, or the watcher would see
    /// no change.
    fn change(&mut self, change: usize) {
        let (call, turn) = match change.is_multiple_of(2) {
            true => ("fail", change / 2),
            false => ("pass", (change / 2).saturating_sub(5)),
        };
        let number = turn * 13 % INSTANCES;
        self.put(&format!("check/{call}/service:rating-host{number}-8082"), "");
    }

    fn put(&mut self, call: &str, body: &str) {
        let length = body.len();
        let request =
            format!("PUT /v1/agent/{call} HTTP/1.1\r\nhost: agent\r\ncontent-length: {length}\r\n\r\n{body}");
        self.0.write_all(request.as_bytes()).expect("the agent listens");
        let mut answer = [0; 4096];
        let length = self.0.read(&mut answer).expect("the agent answers");
        assert!(
            answer[..length].starts_with(b"HTTP/1.1 200 "),
            "{}",
            String::from_utf8_lossy(&answer[..length])
        );
    }
}

/// The watcher: prints when it sees all instances, and when asked to stop, what it has used since.
fn watch(address: String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let config = consul::Config { url: address, ..consul::Config::default() };
        let registry = consul::Registry::new(config).expect("a registry");
        let itself = std::process::id();
        let idle = resident();
        let mut sets = registry.watch("rating");
        while sets.next().await.expect("a set").len() != INSTANCES {}
        println!("full");
        let (told, mut stop) = tokio::sync::oneshot::channel();
        line(&mut std::io::stdin().lock());
        thread::spawn(move || told.send(line(&mut std::io::stdin().lock())));
        let (start, before) = (Instant::now(), cpu(itself));
        let (mut seen, mut most) = (0, resident());
        loop {
            tokio::select! {
                _ = sets.next() => {
                    seen += 1;
                    most = most.max(resident());
                }
                _ = &mut stop => break,
            }
        }
        let share = (cpu(itself) - before).as_secs_f64() / start.elapsed().as_secs_f64();
        println!("{} {idle} {} {seen}", share * 100.0, most - idle);
    });
}

/// Returns the CPU time of a process's threads.
fn cpu(process: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("a process");
    let nanos = |task: std::io::Result<fs::DirEntry>| -> u64 {
        let file = task.expect("a thread").path().join("schedstat");
        let text = fs::read_to_string(file).expect("its times");
        text.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("its time on a processor")
    };
    Duration::from_nanos(tasks.map(nanos).sum())
}

/// Returns this process's resident memory in MiB.
fn resident() -> f64 {
    let text = fs::read_to_string("/proc/self/status").expect("this process");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let kib: f64 = line.trim_end_matches("kB").trim().parse().expect("a number");
    kib / 1024.0
}
