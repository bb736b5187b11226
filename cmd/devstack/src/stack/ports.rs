//! Checks that every port is free before anything starts.

mod holder;

use holder::Holder;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

/// An address that can't be listened on, and the part that needs it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Another process, or another part of the stack, uses the port.
    #[error("port {} is in use{}: {part} needs {address}, select another address with --{flag}",
            address.port(), By(holder.as_ref()))]
    Taken {
        /// The part that needs it.
        part: &'static str,
        /// The address.
        address: SocketAddr,
        /// The flag that selects another address.
        flag: &'static str,
        /// The process that uses it, if the system reports it.
        holder: Option<Holder>,
    },
    /// The address is not one of this machine, or its port is reserved.
    #[error("{part} can't listen on {address}: select another address with --{flag}")]
    Refused {
        /// The part that needs it.
        part: &'static str,
        /// The address.
        address: SocketAddr,
        /// The flag that selects another address.
        flag: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

/// Prints a process, if it is known.
struct By<'a>(Option<&'a Holder>);

impl fmt::Display for By<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Holder { name, process }) => write!(f, " by {name} (process {process})"),
            None => Ok(()),
        }
    }
}

/// A part that will listen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// The part's name.
    pub(crate) part: &'static str,
    /// Its flag, without dashes.
    pub(crate) flag: &'static str,
    /// The address.
    pub(crate) address: SocketAddr,
}

/// Checks that all addresses can be listened on at the same time; the ports are free again afterwards.
pub(crate) fn check(wanted: &[Wanted]) -> Result<(), Error> {
    let listen = |&Wanted { part, flag, address }: &Wanted| {
        TcpListener::bind(address).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => {
                Error::Taken { part, address, flag, holder: Holder::of(address.port()) }
            }
            _ => Error::Refused { part, address, flag, source },
        })
    };
    wanted.iter().map(listen).collect::<Result<Vec<_>, _>>().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(part: &'static str, address: SocketAddr) -> Wanted {
        Wanted { part, flag: "rating-listen", address }
    }

    fn any_port() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[test]
    fn taken_port_is_named_with_its_part() {
        let other = TcpListener::bind(any_port()).unwrap();
        let address = other.local_addr().unwrap();
        let error = check(&[wanted("metadata", any_port()), wanted("rating", address)]).unwrap_err();
        let (port, error) = (address.port(), error.to_string());
        assert!(error.starts_with(&format!("port {port} is in use")), "{error}");
        let remedy = format!(": rating needs {address}, select another address with --rating-listen");
        assert!(error.ends_with(&remedy), "{error}");
    }

    #[test]
    fn two_parts_can_not_have_one_port() {
        let free = TcpListener::bind(any_port()).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        check(&[wanted("rating", address)]).unwrap();
        assert!(matches!(
            check(&[wanted("rating", address), wanted("movie", address)]),
            Err(Error::Taken { part: "movie", .. })
        ));
    }

    #[test]
    fn free_ports_may_be_asked_for_by_several() {
        check(&[wanted("rating", any_port()), wanted("movie", any_port())]).unwrap();
    }

    #[test]
    fn address_of_another_machine_is_rejected() {
        let error = check(&[wanted("movie", SocketAddr::from(([192, 0, 2, 1], 0)))]).unwrap_err();
        assert!(matches!(error, Error::Refused { part: "movie", .. }));
    }
}
