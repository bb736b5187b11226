//! A development agent that speaks Consul's HTTP interface and its DNS: services register with it and find
//! each other through it, and its page at `/ui` shows who is there.
//!
//! It is one node with its memory alone. What it does not do it refuses in so many words.

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
use clap::Parser;
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

/// How long answers under way may take once the agent is asked to stop.
const DRAIN: Duration = Duration::from_secs(2);

/// Runs the agent as `arguments`, the first of which is the program's name, and the environment say, until the
/// process is asked to stop. Ends the process where they are wrong or ask for help.
#[must_use]
pub fn process(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = Cli::parse_from(arguments);
    service::log(&cli.log, None);
    service::block_on(1, |stop| run(cli.config, stop))
}

/// Listens where `config` says and serves until `stop` is cancelled. Without a word on DNS it is answered at
/// its usual address, unless another agent does so already.
///
/// # Errors
///
/// An address that `config` names can't be listened on.
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

/// Serves HTTP alone on `listener` until `stop` is cancelled, then ends within 2 s.
///
/// # Errors
///
/// The listener has no address.
pub async fn serve(listener: TcpListener, config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    serve_with_dns(listener, None, config, stop).await
}

/// Serves HTTP on `listener`, and DNS where there is one, until `stop` is cancelled, then ends within 2 s.
///
/// # Errors
///
/// The listener has no address, or the DNS sockets fail.
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
        // An answer that waits for more to send is late, no more.
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
