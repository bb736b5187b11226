//! The public address of a part, and the listener that the part serves.

use crate::faults::proxy::Proxy;
use anyhow::Context;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;

/// An address that a part is reached at.
pub(crate) struct Endpoint {
    /// What the part serves: the public address, or a private one behind the proxy.
    pub(crate) listener: TcpListener,
    /// The public address, as this machine reaches it.
    pub(crate) address: SocketAddr,
    /// The proxy that listens on the public address.
    pub(crate) proxy: Option<Arc<Proxy>>,
}

impl Endpoint {
    /// Listens on `listen`, with a proxy if `part` is to have `faults`.
    pub(crate) async fn bind(part: &str, listen: SocketAddr, faults: bool) -> anyhow::Result<Self> {
        let public = TcpListener::bind(listen).await;
        let public = public.with_context(|| format!("{part} can't listen on {listen}"))?;
        let address = reachable(public.local_addr()?);
        if !faults {
            return Ok(Self { listener: public, address, proxy: None });
        }
        let private = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = private.with_context(|| format!("{part} can't listen on a port of its own"))?;
        let proxy = Proxy::start(public, listener.local_addr()?)?;
        Ok(Self { listener, address, proxy: Some(Arc::new(proxy)) })
    }
}

/// Returns the address by which this machine reaches a listener on `address`.
#[must_use]
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let local: std::net::IpAddr = match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        address.set_ip(local);
    }
    address
}
