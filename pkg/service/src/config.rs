//! The arguments of every service, and parsing of a command line.

mod flags;
mod value;

pub use self::flags::{LogFormat, RegistryKind};
pub use ::flags::{Address, duration, positive_duration, shown};
pub use value::{consul, filter, listen, workers};

use self::flags::Flags;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use discovery::{Registry, consul, memory};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// The arguments of every service: listen address, registry, shutdown and log.
#[derive(Clone, Debug)]
pub struct Config {
    /// The listen address; port 0 selects a free port.
    pub listen: SocketAddr,
    /// The address to register, if it differs from the listen address.
    pub advertise: Option<Address>,
    /// The registry to register in.
    pub registry: RegistryKind,
    /// Consul's address, as in `discovery::consul::Config`.
    pub consul: String,
    /// The ACL token for Consul.
    pub consul_token: Option<String>,
    /// The number of worker threads, each with its own runtime.
    pub workers: usize,
    /// How long an HTTP/1 connection may be idle between two requests.
    pub keep_alive: Duration,
    /// How long the service continues to accept requests, not ready, after it is asked to stop.
    pub drain_delay: Duration,
    /// How long to wait for calls in flight after the drain delay.
    pub drain_timeout: Duration,
    /// The time limit of a request, from the end of its body.
    pub request_timeout: Duration,
    /// The time limit of a request's body, from the end of the request's head.
    pub body_timeout: Duration,
    /// The format of the log; by default text on a terminal, otherwise JSON.
    pub log_format: Option<LogFormat>,
    /// The log filter, in `tracing`'s syntax.
    pub log: String,
    /// Whether requests are logged.
    pub access_log: bool,
    /// The share of successful requests that are, from 0 to 1; others are always.
    pub access_log_sample: f64,
    /// Which requests are traced, and where their spans are sent.
    pub traces: trace::Config,
}

impl Config {
    /// Returns a configuration for tests: a free loopback port, two workers, a drain of 2 s without delay, the
    /// process's own registry.
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
            body_timeout: Duration::from_secs(30),
            log_format: None,
            log: "info".to_owned(),
            access_log: false,
            access_log_sample: 1.0,
            traces: trace::Config::default(),
        }
    }

    fn consul(&self) -> consul::Config {
        consul::Config {
            url: self.consul.clone(),
            token: self.consul_token.clone(),
            ..consul::Config::default()
        }
    }

    /// Checks the arguments against each other.
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
            let cause = value::without_secrets(&self.consul, &error);
            let consul = shown(&self.consul);
            return Err(format!("invalid value '{consul}' for '--consul <URL>': {cause}"));
        }
        Ok(self)
    }
}

/// Opens the registry of `config`: Consul, one in this process's memory, or none. After an outage, an empty set
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
            body_timeout: flags.body_timeout,
            log_format: flags.log_format,
            log: flags.log,
            access_log: flags.access_log,
            access_log_sample: flags.access_log_sample,
            traces: flags.traces,
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
