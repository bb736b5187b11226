//! Standard output, written by its own thread, so that a suspended terminal or an unread pipe does not delay
//! the services of this process.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// Prints lines in order without waiting for a reader.
pub(crate) struct Printer(Sender<String>);

impl Printer {
    /// Creates a printer to standard output.
    ///
    /// # Errors
    ///
    /// Fails if the system does not provide a thread.
    pub(crate) fn start() -> io::Result<Self> {
        let (lines, queue) = channel();
        thread::Builder::new().name("print".to_owned()).spawn(move || print(&queue))?;
        Ok(Self(lines))
    }

    /// Enqueues a text of one or more lines.
    pub(crate) fn print(&self, text: &dyn Display) {
        // The thread ends when this is dropped.
        let _ = self.0.send(text.to_string());
    }
}

fn print(queue: &Receiver<String>) {
    for text in queue {
        // A closed output is not an error.
        let _ = writeln!(io::stdout(), "{text}");
    }
}
