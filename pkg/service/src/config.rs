//! The arguments that every service has, and how a command line is read.

mod flags;
mod value;

pub use flags::{LogFormat, RegistryKind};
pub use value::{Address, duration};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use discovery::{Registry, consul, memory};
use flags::Flags;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// What every service is told: where it listens, where it registers, how it stops and what it logs.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 is any free one.
    pub listen: SocketAddr,
    /// The address to register, where it isn't the one that is listened on.
    pub advertise: Option<Address>,
    /// Which registry to be in.
    pub registry: RegistryKind,
    /// Where Consul is, as `discovery::consul::Config` takes it.
    pub consul: String,
    /// The token for Consul's access control.
    pub consul_token: Option<String>,
    /// How many threads serve, each with a runtime of its own.
    pub workers: usize,
    /// How long an HTTP/1 connection may be idle between two requests.
    pub keep_alive: Duration,
    /// How long the service serves on, not ready, once it is asked to stop.
    pub drain_delay: Duration,
    /// How long calls in flight may take to end after that.
    pub drain_timeout: Duration,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// How the log is written; text on a terminal, else JSON, where it isn't said.
    pub log_format: Option<LogFormat>,
    /// What the log holds, as a filter of `tracing`.
    pub log: String,
}

impl Config {
    /// A service for tests: any free loopback port, two workers, a drain of 2 s without delay, the process's own
    /// registry.
    #[must_use]
    pub fn for_tests() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            advertise: None,
            registry: RegistryKind::Memory,
            consul: consul::Config::default().url,
            consul_token: None,
            workers: 2,
            keep_alive: Duration::from_secs(75),
            drain_delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(2),
            log_format: None,
            log: "info".to_owned(),
        }
    }

    fn consul(&self) -> consul::Config {
        consul::Config {
            url: self.consul.clone(),
            token: self.consul_token.clone(),
            ..consul::Config::default()
        }
    }

    /// Holds the arguments against each other.
    fn checked(self) -> Result<Self, String> {
        if self.listen.ip().is_unspecified()
            && self.advertise.is_none()
            && self.registry != RegistryKind::None
        {
            return Err(format!(
                "invalid value '{}' for '--listen <ADDR:PORT>': a wildcard address can't be registered: \
                 set '--advertise <HOST:PORT>' to the address that callers use, or '--registry none'",
                self.listen
            ));
        }
        if self.registry == RegistryKind::Consul
            && let Err(error) = consul::Registry::new(self.consul())
        {
            let cause = crate::problem::chain(&error);
            return Err(format!("invalid value '{}' for '--consul <URL>': {cause}", self.consul));
        }
        Ok(self)
    }
}

/// Opens the registry that `config` names: Consul, one in this process's memory, or none. After an outage, an empty set
/// from Consul does not replace a full one for `grace`.
///
/// # Errors
///
/// If the address or the token of Consul cannot be used. An unreachable Consul is not an error.
pub fn registry(config: &Config, grace: Duration) -> Result<Option<Arc<dyn Registry>>, discovery::Error> {
    Ok(match config.registry {
        RegistryKind::Consul => {
            let consul = consul::Config { grace, ..config.consul() };
            Some(Arc::new(consul::Registry::new(consul)?))
        }
        RegistryKind::Memory => Some(memory::Registry::new()),
        RegistryKind::None => None,
    })
}

impl Args for Config {
    fn augment_args(command: Command) -> Command {
        Flags::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args_for_update(command)
    }
}

impl FromArgMatches for Config {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        let listen_is_a_flag = matches.value_source("listen") == Some(ValueSource::CommandLine);
        let flags = Flags::from_arg_matches_mut(matches)?;
        if flags.port.is_some() && listen_is_a_flag {
            let text = "the argument '--port <PORT>' cannot be used with '--listen <ADDR:PORT>'";
            return Err(clap::Error::raw(ErrorKind::ArgumentConflict, text));
        }
        Self::from(flags).checked().map_err(|text| clap::Error::raw(ErrorKind::ValueValidation, text))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl From<Flags> for Config {
    fn from(flags: Flags) -> Self {
        Self {
            listen: flags.port.map_or(flags.listen, |port| (Ipv4Addr::LOCALHOST, port).into()),
            advertise: flags.advertise,
            registry: flags.registry,
            consul: flags.consul,
            consul_token: flags.consul_token.filter(|token| !token.is_empty()),
            workers: flags.workers.unwrap_or_else(cores),
            keep_alive: flags.keep_alive,
            drain_delay: flags.drain_delay,
            drain_timeout: flags.drain_timeout,
            request_timeout: flags.request_timeout,
            log_format: flags.log_format,
            log: flags.log,
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
