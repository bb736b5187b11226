//! The flags and variables for `clap`, from which [`super::Config`] is built.

use super::value::{consul, filter, listen, share, workers};
use ::flags::{Address, address, duration, positive_duration, whole};
use clap::builder::ArgPredicate;
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::time::Duration;

/// The registry that a service registers in and finds others through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RegistryKind {
    /// Consul, or a program with Consul's HTTP interface
    Consul,
    /// A registry within this process
    Memory,
    /// None: the service does not register
    None,
}

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object per line
    Json,
}

#[derive(Args, Debug)]
pub(super) struct Flags {
    /// The address to serve REST and gRPC on; port 0 selects a free port
    #[arg(long, env, value_name = "ADDR:PORT", required = false, value_parser = listen)]
    pub(super) listen: SocketAddr,

    /// Short for --listen 127.0.0.1:PORT
    #[arg(long, value_parser = whole(0..=u16::MAX))]
    pub(super) port: Option<u16>,

    /// The address to register if it differs from the listen address [default: the listen address]
    #[arg(long, env, value_name = "HOST:PORT", value_parser = address)]
    pub(super) advertise: Option<Address>,

    /// The registry to register in
    #[arg(long, env, value_name = "KIND", value_enum, default_value = "consul")]
    pub(super) registry: RegistryKind,

    /// Consul's HTTP address
    #[arg(long, env = "CONSUL_HTTP_ADDR", hide_env_values = true, value_name = "URL",
          default_value = "http://127.0.0.1:8500", value_parser = consul)]
    pub(super) consul: String,

    /// The ACL token for Consul
    #[arg(long, env = "CONSUL_HTTP_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub(super) consul_token: Option<String>,

    /// The number of threads that serve requests [default: one per core]
    #[arg(long, env, value_name = "N", value_parser = workers)]
    pub(super) workers: Option<usize>,

    /// How long an idle HTTP/1 connection is kept open; must exceed the idle timeout of a load balancer, usually 60 s
    #[arg(long, env, value_name = "DURATION", default_value = "75s", value_parser = positive_duration)]
    pub(super) keep_alive: Duration,

    /// How long the service continues to accept requests after SIGTERM, while it reports that it is not ready
    /// [under Kubernetes: 5s]
    #[arg(long, env, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    #[arg(default_value_if("kubernetes_service_host", ArgPredicate::IsPresent, "5s"))]
    pub(super) drain_delay: Duration,

    /// Set by Kubernetes in every container
    #[arg(long, env, hide = true)]
    pub(super) kubernetes_service_host: Option<String>,

    /// How long to wait for calls in flight after the drain delay
    #[arg(long, env, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub(super) drain_timeout: Duration,

    /// The time limit of a request, from the end of its body
    #[arg(long, env, value_name = "DURATION", default_value = "2s", value_parser = positive_duration)]
    pub(super) request_timeout: Duration,

    /// The time limit of a request's body: a body that is not complete by then is rejected with 408 (gRPC:
    /// DEADLINE_EXCEEDED)
    #[arg(long, env, value_name = "DURATION", default_value = "30s", value_parser = positive_duration)]
    pub(super) body_timeout: Duration,

    /// The format of the log on standard error [default: text on a terminal, otherwise json]
    #[arg(long, env, value_enum, value_name = "FORMAT")]
    pub(super) log_format: Option<LogFormat>,

    /// The log filter: a level, or comma-separated target=level pairs; h2 logs only errors unless it is listed
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "info", value_parser = filter)]
    pub(super) log: String,

    /// Logs each request at level info with the target access
    #[arg(long, env)]
    pub(super) access_log: bool,

    /// The share of successful requests in the access log, from 0 to 1; requests that fail are always logged
    #[arg(long, env, value_name = "SHARE", default_value = "1", value_parser = share)]
    pub(super) access_log_sample: f64,

    /// Traces.
    #[command(flatten)]
    pub(super) traces: trace::Config,
}
