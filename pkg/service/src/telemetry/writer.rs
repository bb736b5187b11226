//! A log writer that never blocks its callers: lines are queued in a bounded buffer for a thread that writes them,
//! and are dropped and counted while the buffer is full.

use std::io::{self, Write};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The capacity in bytes that an emptied buffer keeps.
const KEPT: usize = 64 * 1024;

/// The callers' side of the writer; clones share it.
#[derive(Clone)]
pub(super) struct Writer(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Notified when lines are pending.
    filled: Condvar,
    /// Notified when none is pending.
    emptied: Condvar,
    max_pending: usize,
    dropped: AtomicU64,
}

#[derive(Default)]
struct State {
    pending: Vec<u8>,
    /// Lines in `pending`.
    lines: u64,
    /// Lines that were dropped after those in `pending`, or before the first of them.
    unreported: u64,
    /// Whether the thread is writing earlier lines.
    writing: bool,
}

impl Writer {
    /// Starts a thread that writes to `output`, with at most `max_pending` bytes queued. Once lines have been
    /// dropped, `notice` of their number is written as soon as `output` accepts data again.
    ///
    /// # Errors
    ///
    /// The system does not provide a thread.
    pub(super) fn start(
        output: impl Write + Send + 'static,
        max_pending: usize,
        notice: impl Fn(u64) -> String + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            max_pending,
            dropped: AtomicU64::new(0),
        });
        let writing = Arc::clone(&shared);
        thread::Builder::new().name("log".to_owned()).spawn(move || writing.write(output, notice))?;
        Ok(Self(shared))
    }

    /// Enqueues a line, which includes its line break, or drops it if the buffer is full.
    pub(super) fn line(&self, line: &[u8]) {
        let mut state = self.0.lock();
        if state.pending.len() + line.len() > self.0.max_pending {
            state.unreported += 1;
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        } else {
            state.pending.extend_from_slice(line);
            state.lines += 1;
        }
        drop(state);
        self.0.filled.notify_one();
    }

    /// Returns the number of lines that were dropped or failed to be written.
    pub(super) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Waits until all enqueued lines are written, for at most `timeout`.
    pub(super) fn flush(&self, timeout: Duration) {
        let unwritten = |state: &mut State| state.writing || !state.pending.is_empty();
        // A poisoned lock is no reason to wait.
        _ = self.0.emptied.wait_timeout_while(self.0.lock(), timeout, unwritten);
    }
}

impl Write for Writer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes queued lines, for as long as the process runs.
    fn write(&self, mut output: impl Write, notice: impl Fn(u64) -> String) {
        let mut batch = Vec::new();
        loop {
            let mut state = self.lock();
            while state.pending.is_empty() {
                state.writing = false;
                self.emptied.notify_all();
                state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.writing = true;
            mem::swap(&mut batch, &mut state.pending);
            let (lines, unreported) = (mem::take(&mut state.lines), mem::take(&mut state.unreported));
            drop(state);
            if unreported > 0 {
                batch.extend_from_slice(notice(unreported).as_bytes());
            }
            if output.write_all(&batch).is_err() {
                self.dropped.fetch_add(lines, Ordering::Relaxed);
                self.lock().unreported += lines + unreported;
            }
            batch.clear();
            batch.shrink_to(KEPT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::time::Instant;

    const PATIENCE: Duration = Duration::from_secs(15);

    /// An output whose every write blocks until it is received.
    struct Stuck(SyncSender<Vec<u8>>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn stuck(max_pending: usize) -> (Writer, Receiver<Vec<u8>>) {
        let (sender, written) = sync_channel(0);
        let writer = Writer::start(Stuck(sender), max_pending, |lines| format!("{lines} dropped\n"));
        (writer.unwrap(), written)
    }

    /// Returns once the thread has taken a first line and is blocked in its output.
    fn blocked(writer: &Writer) {
        writer.line(b"first\n");
        let began = Instant::now();
        while !writer.0.lock().pending.is_empty() {
            assert!(began.elapsed() < PATIENCE, "nothing takes the line");
            thread::yield_now();
        }
    }

    #[test]
    fn lines_above_bound_are_dropped_counted_and_reported_in_place() {
        let (writer, written) = stuck(10);
        blocked(&writer);
        for line in ["two\n", "three\n", "four\n", "five\n"] {
            writer.line(line.as_bytes());
        }
        assert_eq!(writer.dropped(), 2);
        assert_eq!(written.recv_timeout(PATIENCE).unwrap(), b"first\n");
        assert_eq!(written.recv_timeout(PATIENCE).unwrap(), b"two\nthree\n2 dropped\n");
        writer.line(b"six\n");
        assert_eq!(written.recv_timeout(PATIENCE).unwrap(), b"six\n");
    }

    #[test]
    fn flush_waits_for_last_line_but_not_for_blocked_output() {
        let (writer, written) = stuck(10);
        blocked(&writer);
        let began = Instant::now();
        writer.flush(Duration::from_millis(50));
        assert!(began.elapsed() >= Duration::from_millis(50) && began.elapsed() < PATIENCE);

        let reader = thread::spawn(move || written.recv_timeout(PATIENCE).map(|line| (line, written)));
        writer.flush(PATIENCE);
        assert!(began.elapsed() < PATIENCE);
        assert_eq!(reader.join().unwrap().unwrap().0, b"first\n");
    }

    #[test]
    fn unwritable_lines_are_counted_as_dropped() {
        let (writer, written) = stuck(10);
        drop(written);
        writer.line(b"lost\n");
        writer.flush(PATIENCE);
        assert_eq!(writer.dropped(), 1);
    }
}
