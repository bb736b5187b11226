//! Why the program fails, with its exit code.

use crate::producer;
use std::io;
use std::process::ExitCode;

/// Why sending or replaying failed or could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input can't be opened.
    #[error("{path} can't be read: {error}")]
    Input {
        /// The file.
        path: String,
        /// The cause.
        error: io::Error,
    },
    /// An output file can't be created or written.
    #[error("{flag} {path} can't be written: {error}")]
    Output {
        /// The flag that names it.
        flag: &'static str,
        /// The file.
        path: String,
        /// The cause.
        error: io::Error,
    },
    /// The file for rejected lines is the input.
    #[error("--rejects {0} is the input file, which would be overwritten")]
    SameFile(String),
    /// The input can't be read a second time.
    #[error("--repeat: {0} can't be read again, use a FILE")]
    Repeat(String),
    /// The producer can't be opened.
    #[error(transparent)]
    Producer(#[from] producer::Error),
    /// Threads or signal handlers can't be created.
    #[error("can't set up the run: {0}")]
    System(io::Error),
    /// The run ended early for this reason; what had been sent was already printed.
    #[error("{0}")]
    Stopped(String),
}

impl Error {
    /// Returns 2 for invalid arguments, otherwise 1.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        let arguments = matches!(
            self,
            Self::Input { .. }
                | Self::Output { .. }
                | Self::SameFile(_)
                | Self::Repeat(_)
                | Self::Producer(producer::Error::Option(_))
        );
        ExitCode::from(if arguments { 2 } else { 1 })
    }
}
