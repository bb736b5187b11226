//! The entry point of a service: arguments, log, registry, and then the service itself until it is stopped.

use crate::{Config, block_on, config, telemetry};
use clap::Parser;
use clap::error::ErrorKind;
use discovery::{Registry, consul};
use std::error::Error;
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The command line of a service that [`main`] runs.
pub trait Program: Parser {
    /// Returns the arguments that all services share.
    fn service(&self) -> &Config;

    /// Checks arguments against each other.
    ///
    /// # Errors
    ///
    /// A text for the caller. The program exits with status 2.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Returns how long after an outage of the registry a loss of all instances is ignored.
    fn registry_grace(&self) -> Duration {
        consul::Config::default().grace
    }

    /// Returns the number of threads for everything except serving; 1 is enough for tasks that wait for databases and
    /// brokers.
    fn background_threads(&self) -> usize {
        1
    }
}

/// Runs a service until the process is asked to stop: parses `arguments`, the first of which is the program's name,
/// and the environment, starts the log, opens the registry and calls `run`.
///
/// Prints help or an error in the arguments and exits, with status 0 or 2.
pub fn main<C, F, E>(
    arguments: impl IntoIterator<Item = OsString>,
    run: impl FnOnce(C, Option<Arc<dyn Registry>>, CancellationToken) -> F,
) -> ExitCode
where
    C: Program,
    F: Future<Output = Result<(), E>>,
    E: Error + Send + Sync + 'static,
{
    let config = flags::parse::<C>(arguments);
    if let Err(text) = config.check() {
        C::command().error(ErrorKind::ValueValidation, text).exit();
    }
    telemetry(config.service());
    block_on(config.background_threads(), |stop| async move {
        let registry = config::registry(config.service(), config.registry_grace())?;
        Ok::<_, Box<dyn Error + Send + Sync>>(run(config, registry, stop).await?)
    })
}
