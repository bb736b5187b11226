//! Why the program fails, and which exit code says so.

use crate::producer;
use std::io;
use std::process::ExitCode;

/// Why sending or replaying failed, or could not begin.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input can't be opened.
    #[error("{path} can't be read: {error}")]
    Input {
        /// The file.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// The file for what wasn't sent can't be made or written.
    #[error("{flag} {path} can't be written: {error}")]
    Output {
        /// The flag that names it.
        flag: &'static str,
        /// The file.
        path: String,
        /// Why.
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
    /// The system gives no threads or signals.
    #[error("can't set up the run: {0}")]
    System(io::Error),
    /// The run ended early, for this reason; what was sent until then was said.
    #[error("{0}")]
    Stopped(String),
}

impl Error {
    /// 2 where the arguments are to blame, else 1.
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
