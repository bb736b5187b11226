//! A stack in a separate process, on its own ports.

use serde_json::Value;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(120);

/// The flags that make every part select a free port. Most tests have no use for the console.
pub(crate) const FREE_PORTS: [&str; 6] = [
    "--no-console",
    "--agent-listen=127.0.0.1:0",
    "--kafka-listen=127.0.0.1:0",
    "--metadata-listen=127.0.0.1:0",
    "--rating-listen=127.0.0.1:0",
    "--movie-listen=127.0.0.1:0",
];

/// A running process; it is killed on drop.
pub(crate) struct Process(Child);

/// A running stack.
pub(crate) struct Stack {
    process: Process,
    addresses: HashMap<String, String>,
    /// Its output until it was ready.
    pub(crate) printed: Vec<String>,
}

/// The variable that names another build of the program to test.
const PROGRAM: &str = "MARQUEE_TEST_DEVSTACK";

/// Returns the command, without the environment of this process.
pub(crate) fn devstack() -> Command {
    let built = || OsString::from(env!("CARGO_BIN_EXE_devstack"));
    let mut command = Command::new(std::env::var_os(PROGRAM).unwrap_or_else(built));
    command.env_clear();
    command
}

impl Stack {
    /// Starts a stack with its data in `data` and waits until it is ready.
    pub(crate) fn start(data: &Path, flags: &[&str]) -> Self {
        let mut command = devstack();
        command.arg("--data-dir").arg(data).args(FREE_PORTS).args(["--workers", "2"]).args(flags);
        Self::ready(command)
    }

    /// The same, with a console.
    pub(crate) fn with_console(data: &Path) -> Self {
        let mut command = devstack();
        command.arg("--data-dir").arg(data).args(FREE_PORTS.iter().filter(|flag| **flag != "--no-console"));
        command.args(["--workers=2", "--console=127.0.0.1:0", "--otlp-listen=127.0.0.1:0"]);
        Self::ready(command)
    }

    /// Starts `command` and waits until the stack is ready.
    fn ready(command: Command) -> Self {
        let mut process = Process::start(command);
        let lines = lines(process.0.stdout.take().unwrap());
        let mut stack = Self { process, addresses: HashMap::new(), printed: Vec::new() };
        let deadline = Instant::now() + PATIENCE;
        while stack.printed.last().is_none_or(|line| !line.starts_with("ready")) {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => stack.heard(line),
                Err(RecvTimeoutError::Timeout) => panic!("not ready in time: {:#?}", stack.printed),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("ended with {:?}: {:#?}", stack.process.0.wait(), stack.printed)
                }
            }
        }
        stack
    }

    fn heard(&mut self, line: String) {
        let mut words = line.split_whitespace();
        if let (Some(part), Some(place)) = (words.next(), words.next()) {
            let place = place.strip_prefix("http://").unwrap_or(place);
            let authority = place.split('/').next().unwrap_or(place).to_owned();
            self.addresses.entry(part.to_owned()).or_insert(authority);
        }
        self.printed.push(line);
    }

    /// Returns the `host:port` that was printed for `part`.
    pub(crate) fn address(&self, part: &str) -> &str {
        &self.addresses[part]
    }

    /// Returns status and body of a call to `part`.
    pub(crate) fn call(&self, method: &str, part: &str, path: &str) -> (u16, Value) {
        call(method, &self.addresses[part], path).unwrap()
    }

    /// Returns the body of a GET that must succeed.
    pub(crate) fn get(&self, part: &str, path: &str) -> Value {
        let (status, body) = self.call("GET", part, path);
        assert_eq!(status, 200, "{part}{path}: {body}");
        body
    }

    /// Stops it like Ctrl-C, and waits until it has ended.
    pub(crate) fn stop(self) -> ExitStatus {
        self.process.stop()
    }
}

impl Process {
    /// Starts `command` with readable standard output.
    pub(crate) fn start(mut command: Command) -> Self {
        Self::spawn(command.stdout(Stdio::piped()))
    }

    /// Starts `command` unchanged.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// Returns its process id.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends it a signal, such as `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Stops it like Ctrl-C, and waits until it has ended.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal("INT");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns a free port.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Returns status and body of a GET; none if there is no response.
pub(crate) fn get(authority: &str, path: &str) -> Option<(u16, Value)> {
    call("GET", authority, path).ok()
}

/// Returns status and body of a call; a body that is not JSON is null.
fn call(method: &str, authority: &str, path: &str) -> std::io::Result<(u16, Value)> {
    let (status, body) = call_text(method, authority, path)?;
    Ok((status, serde_json::from_str(&body).unwrap_or_default()))
}

/// Returns status and body of a call.
pub(crate) fn call_text(method: &str, authority: &str, path: &str) -> std::io::Result<(u16, String)> {
    send(method, authority, path, "", "")
}

/// Returns status and body of a call with further header lines, each with its end, and a body.
pub(crate) fn send(
    method: &str,
    authority: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n");
    stream.write_all(format!("{head}{headers}{length}\r\n{body}").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Ok((status, body.to_owned()))
}

fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
