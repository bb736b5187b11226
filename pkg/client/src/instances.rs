//! The instances of a service: one watch shared by the clients of all workers, or a fixed list.

use crate::statistics::{Counters, Statistics};
use discovery::{Instance, InstanceSet, Registry};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_stream::StreamExt;

/// The current instances of one service, and the statistics of all calls to them. Clones share one watch and the
/// same counters.
#[derive(Clone, Debug)]
pub struct Instances {
    service: String,
    seen: watch::Receiver<Option<InstanceSet>>,
    counters: Arc<Counters>,
}

impl Instances {
    /// Follows `service` in `registry`, in a task of the current runtime that ends with the last clone.
    #[must_use]
    pub fn watch(registry: &dyn Registry, service: &str) -> Self {
        let (send, seen) = watch::channel(None);
        let mut sets = registry.watch(service);
        tokio::spawn(async move {
            let follow = async {
                while let Some(set) = sets.next().await {
                    send.send_replace(Some(set));
                }
            };
            tokio::select! {
                () = follow => {}
                () = send.closed() => {}
            }
        });
        Self { service: service.to_owned(), seen, counters: Arc::default() }
    }

    /// Returns a fixed set of instances of `service` at these addresses, `HOST:PORT` or `http://HOST:PORT`.
    ///
    /// # Errors
    ///
    /// The first invalid address.
    pub fn fixed<A: AsRef<str>>(
        service: &str,
        addresses: impl IntoIterator<Item = A>,
    ) -> Result<Self, BadAddress> {
        let instance = |address: A| instance_at(service, address.as_ref());
        let set: Vec<Instance> = addresses.into_iter().map(instance).collect::<Result<_, _>>()?;
        let (_, seen) = watch::channel(Some(set.into()));
        Ok(Self { service: service.to_owned(), seen, counters: Arc::default() })
    }

    /// Returns the name of the service.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Returns the statistics of the calls of all clients.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.counters.statistics(self.seen.borrow().as_deref().unwrap_or_default().len())
    }

    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Returns the sets from now on, beginning with the current one; `None` until the registry has responded once.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<InstanceSet>> {
        let mut seen = self.seen.clone();
        seen.mark_changed();
        seen
    }
}

/// An invalid address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("address `{0}` must be HOST:PORT or http://HOST:PORT")]
pub struct BadAddress(String);

fn instance_at(service: &str, address: &str) -> Result<Instance, BadAddress> {
    let bad = || BadAddress(address.to_owned());
    let authority = address.strip_prefix("http://").unwrap_or(address);
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let (host, port) = authority.rsplit_once(':').ok_or_else(bad)?;
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.strip_suffix(']').ok_or_else(bad)?,
        None if host.contains(':') => return Err(bad()),
        None => host,
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    let port: u16 = port.parse().map_err(|_| bad())?;
    if host.is_empty() || !host.chars().all(fits) || port == 0 {
        return Err(bad());
    }
    let id = authority.to_owned();
    Ok(Instance { service: service.to_owned(), id, host: host.to_owned(), port, tags: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_accepted_as_url_or_authority() {
        for (address, authority) in [
            ("127.0.0.1:8081", "127.0.0.1:8081"),
            ("http://metadata.internal:80/", "metadata.internal:80"),
            ("[::1]:8081", "[::1]:8081"),
        ] {
            assert_eq!(instance_at("metadata", address).unwrap().authority(), authority);
        }
    }

    #[test]
    fn invalid_address_is_rejected_with_its_text() {
        for address in [
            "",
            "host",
            ":1",
            "host:0",
            "host:70000",
            "https://host:1",
            "::1:8081",
            "[::1:1",
            "h/p:1",
            "h:1/x",
        ] {
            let error = Instances::fixed("metadata", [address]).unwrap_err();
            assert_eq!(error, BadAddress(address.to_owned()));
        }
    }
}
