//! The flags and variables as `clap` knows them; [`super::Config`] is what they come to.

use super::value::{Address, address, duration, filter, listen, positive_duration, workers};
use clap::builder::ArgPredicate;
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::time::Duration;

/// Where a service is announced and finds others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RegistryKind {
    /// Consul, or a program that answers like it.
    Consul,
    /// A registry in this process alone.
    Memory,
    /// None: the service is not announced.
    None,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Args, Debug)]
pub(super) struct Flags {
    /// Where to listen for REST and gRPC; port 0 is any free one
    #[arg(long, env, value_name = "ADDR:PORT", required = false, value_parser = listen)]
    pub(super) listen: SocketAddr,

    /// Short for --listen 127.0.0.1:PORT
    #[arg(long)]
    pub(super) port: Option<u16>,

    /// The address to register, where it isn't the one listened on [default: the latter]
    #[arg(long, env, value_name = "HOST:PORT", value_parser = address)]
    pub(super) advertise: Option<Address>,

    /// Which registry to be in
    #[arg(long, env, value_enum, default_value = "consul")]
    pub(super) registry: RegistryKind,

    /// Where Consul is
    #[arg(long, env = "CONSUL_HTTP_ADDR", value_name = "URL", default_value = "http://127.0.0.1:8500")]
    pub(super) consul: String,

    /// The token for Consul's access control
    #[arg(long, env = "CONSUL_HTTP_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub(super) consul_token: Option<String>,

    /// How many threads serve [default: one a core]
    #[arg(long, env, value_name = "N", value_parser = workers)]
    pub(super) workers: Option<usize>,

    /// How long an idle connection is kept: longer than a load balancer keeps its own, usually 60 s
    #[arg(long, env, value_name = "DURATION", default_value = "75s", value_parser = positive_duration)]
    pub(super) keep_alive: Duration,

    /// How long the service goes on serving after it was asked to stop and reports that it is not ready [under
    /// Kubernetes: 5s]
    #[arg(long, env, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    #[arg(default_value_if("kubernetes_service_host", ArgPredicate::IsPresent, "5s"))]
    pub(super) drain_delay: Duration,

    /// Set by Kubernetes in every container
    #[arg(long, env, hide = true)]
    pub(super) kubernetes_service_host: Option<String>,

    /// How long calls in flight may take to end after the drain delay
    #[arg(long, env, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub(super) drain_timeout: Duration,

    /// How long one request may take
    #[arg(long, env, value_name = "DURATION", default_value = "2s", value_parser = positive_duration)]
    pub(super) request_timeout: Duration,

    /// How the log is written to standard error [default: text on a terminal, else json]
    #[arg(long, env, value_enum, value_name = "FORMAT")]
    pub(super) log_format: Option<LogFormat>,

    /// What is logged: a level, or target=level pairs with commas between; h2 logs errors only, unless it is named
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "info", value_parser = filter)]
    pub(super) log: String,
}
