//! Standard output, written by a thread of its own: a terminal that is held or a pipe that is not read must not hold up
//! the services of this process.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// Prints lines in their order without waiting for a reader.
pub struct Printer(Sender<String>);

impl Printer {
    /// A printer to standard output.
    ///
    /// # Errors
    ///
    /// The system does not provide a thread.
    pub fn start() -> io::Result<Self> {
        let (lines, queue) = channel();
        thread::Builder::new().name("print".to_owned()).spawn(move || print(&queue))?;
        Ok(Self(lines))
    }

    /// Enqueues a text of one or more lines.
    pub fn print(&self, text: &dyn Display) {
        // The thread ends when this is dropped.
        let _ = self.0.send(text.to_string());
    }
}

fn print(queue: &Receiver<String>) {
    for text in queue {
        // A closed output is no error.
        let _ = writeln!(io::stdout(), "{text}");
    }
}
