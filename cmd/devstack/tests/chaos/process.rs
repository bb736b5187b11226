//! Parts of the stack as separate processes, which receive signals and never outlive this program.

use std::ffi::OsString;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The variable that names another program to start than that of this build.
const PROGRAM: &str = "MARQUEE_CHAOS_PROGRAM";

/// The time limit for a process to end: its drain timeout and more.
const PATIENCE: Duration = Duration::from_secs(30);

/// Kills the process `$0` once its own standard input ends, which happens when this program ends, for any
/// reason. Ctrl-C must not reach it before.
const GUARD: &str = "trap '' INT HUP TERM; read _; kill -9 $0";

/// A running part of the stack; it is killed on drop.
pub(crate) struct Process {
    child: Child,
    guard: Child,
}

impl Process {
    /// Starts `devstack PART FLAGS`, which logs nothing unless `RUST_LOG` is set.
    pub(crate) fn start(part: &str, flags: &[String]) -> Self {
        let program =
            std::env::var_os(PROGRAM).unwrap_or_else(|| OsString::from(env!("CARGO_BIN_EXE_devstack")));
        let log = std::env::var_os("RUST_LOG").unwrap_or_else(|| OsString::from("off"));
        let mut command = Command::new(program);
        command.env_clear().env("RUST_LOG", log).arg(part).args(flags).stdin(Stdio::null());
        let child = command.spawn().unwrap();
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, &child.id().to_string()]).stdin(Stdio::piped());
        Self { child, guard: guard.spawn().unwrap() }
    }

    /// Sends `signal`, such as `STOP`.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &id]).status().unwrap().success());
    }

    /// Stops it gracefully and waits until it has ended, which must succeed; returns how long that took.
    pub(crate) async fn stop(mut self) -> Duration {
        let asked = Instant::now();
        self.signal("TERM");
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert_eq!(status.code(), Some(0), "it did not stop cleanly");
                return asked.elapsed();
            }
            assert!(asked.elapsed() < PATIENCE, "it does not stop");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The guard first: once the child is reaped, its process id may be reused.
        for process in [&mut self.guard, &mut self.child] {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Returns a free port. It is below the range of ephemeral ports, so that
/// it stays free while the process that it belongs to is dead.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 10_000) as u16;
    loop {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
