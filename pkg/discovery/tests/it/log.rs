//! The log of one test: what is logged on its thread, where its tasks run too.

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
    /// Takes whatever is logged, down to the last detail, until it is dropped.
    pub(crate) fn start() -> Self {
        // With a single subscriber in the process, tracing asks whichever thread comes first to a log line whether
        // anybody wants it, and remembers a no for all.
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

    /// What our own crate has said at `level` (`WARN`).
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
