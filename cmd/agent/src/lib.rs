//! A development agent with Consul's HTTP and DNS interfaces: services register with it and find each other through
//! it, and its page at `/ui` shows all instances.
//!
//! It is a single node that stores everything in memory. What it does not support it rejects with an explicit error.

pub mod config;
mod definition;
mod dns;
mod duration;
mod http;
mod refusal;
mod shared;
mod state;

use anyhow::Context;
use axum::serve::ListenerExt;
pub use config::Config;
use config::{Cli, DNS_LISTEN, DnsListen};
pub use dns::Dns;
use shared::Shared;
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long requests in flight may take after the agent is asked to stop.
const DRAIN: Duration = Duration::from_secs(2);

/// Runs the agent with `arguments`, the first of which is the program's name, and the environment, until the process
/// is asked to stop. Exits if they are invalid or request help.
#[must_use]
pub fn process(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = flags::parse::<Cli>(arguments);
    service::log(&cli.log, None);
    service::block_on(1, |stop| run(cli.config, stop))
}

/// Listens on the addresses of `config` and serves until `stop` is cancelled. Without a DNS address in `config`, DNS
/// is served at the default address if it is free.
///
/// # Errors
///
/// Fails if an address of `config` cannot be listened on.
pub async fn run(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    let listener = TcpListener::bind(config.listen).await.with_context(|| wanted(config.listen))?;
    let dns = match config.dns_listen {
        Some(DnsListen::Off) => None,
        Some(DnsListen::At(address)) => Some(Dns::bind(address).await.with_context(|| {
            format!("the agent can't serve DNS on {address}: select another address with --dns-listen")
        })?),
        None => {
            let unable =
                |error: &io::Error| tracing::warn!(%error, "DNS is disabled: can't listen on {DNS_LISTEN}");
            Dns::bind(DNS_LISTEN).await.inspect_err(unable).ok()
        }
    };
    serve_with_dns(listener, dns, config, stop).await
}

/// Serves only HTTP on `listener` until `stop` is cancelled, then ends within 2 s.
///
/// # Errors
///
/// Fails if the listener has no address.
pub async fn serve(listener: TcpListener, config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    serve_with_dns(listener, None, config, stop).await
}

/// Serves HTTP on `listener`, and DNS if `dns` is given, until `stop` is cancelled, then ends within 2 s.
///
/// # Errors
///
/// Fails if the listener has no address or the DNS sockets fail.
pub async fn serve_with_dns(
    listener: TcpListener,
    dns: Option<Dns>,
    config: Config,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let address = listener.local_addr().context("the agent's listener has no address")?;
    let dns_address = dns.as_ref().map(|dns| tracing::field::display(dns.address()));
    tracing::info!(page = %format_args!("http://{address}/ui"), dns = dns_address, "the development agent is up");
    let shared = Shared::new(config, address, stop.clone());
    let listener = listener.tap_io(|connection| {
        // If this fails, small responses are only delayed.
        let _ = connection.set_nodelay(true);
    });
    let router = axum::Router::new().fallback(http::answer).with_state(shared.clone());
    let server = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        ended = server.into_future() => ended.context("the agent's server failed")?,
        ended = dns::serve(dns, shared.clone()) => ended.context("the agent's DNS failed")?,
        () = shared.keep_time() => {}
        () = overdue => {}
    }
    Ok(())
}

fn wanted(address: SocketAddr) -> String {
    format!("the agent can't listen on {address}: select another address with --listen")
}
