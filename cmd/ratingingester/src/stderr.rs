//! Standard error, written by its own thread, so that an unread pipe delays neither the run nor its end.

use std::io::{self, Write};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

/// The maximum number of queued lines; more than the rejected lines that are printed.
const MAX_WAITING: usize = 64;

/// The time limit for writing the last line at the end of the program.
const LAST_LINE: Duration = Duration::from_secs(1);

/// A line, and whom to notify once it is written.
type Line = (String, Option<Sender<()>>);

static LINES: LazyLock<SyncSender<Line>> = LazyLock::new(|| {
    let (sender, lines) = sync_channel(MAX_WAITING);
    // Without a thread nothing is printed, and the run continues.
    let _ = thread::Builder::new().name("stderr".to_owned()).spawn(move || write(&lines));
    sender
});

/// Enqueues a line; drops it if the queue is full.
pub(crate) fn say(text: String) {
    let _ = LINES.try_send((text, None));
}

/// Enqueues a line and waits until it is written, for at most a second.
pub fn say_last(text: String) {
    let (sender, written) = channel();
    if LINES.try_send((text, Some(sender))).is_ok() {
        let _ = written.recv_timeout(LAST_LINE);
    }
}

fn write(lines: &Receiver<Line>) {
    for (text, written) in lines {
        // A closed output is not an error.
        let _ = writeln!(io::stderr(), "{text}");
        if let Some(written) = written {
            let _ = written.send(());
        }
    }
}
