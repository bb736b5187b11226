//! The log of one test: everything logged on its thread, on which its tasks run too.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock};
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

pub(crate) struct Log {
    written: Written,
    _default: DefaultGuard,
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Captures all log lines, of every level, until it is dropped.
    pub(crate) fn start() -> Self {
        // With a single subscriber in the process, tracing asks the first thread that reaches a log line whether
        // it is enabled, and caches a negative result for all threads.
        static SECOND: OnceLock<Dispatch> = OnceLock::new();
        SECOND.get_or_init(|| Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish()));
        let written = Written::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .without_time()
            .with_writer(written.clone())
            .finish();
        Self { written, _default: tracing::subscriber::set_default(subscriber) }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.written.0.lock().unwrap().clone()).unwrap()
    }

    /// Returns the lines of our own crate at `level` (`WARN`).
    pub(crate) fn lines(&self, level: &str) -> Vec<String> {
        let ours = format!("{level} discovery::");
        self.text().lines().map(str::trim).filter(|line| line.starts_with(&ours)).map(str::to_owned).collect()
    }
}

impl Write for Written {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Written {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
