//! A TCP proxy in front of a part of the stack. Faults act in it, so that the part itself needs no code for them.

mod connection;
mod failing;
mod mode;

use connection::forward;
pub(crate) use mode::Mode;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

/// The number of connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// The time between two attempts to bind the port or to accept.
const RETRY: Duration = Duration::from_millis(100);

/// A running proxy; it stops when dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    mode: watch::Sender<Mode>,
    _accepting: AbortOnDropHandle<()>,
}

impl Proxy {
    /// Forwards the connections of `listener` to `server`.
    ///
    /// # Errors
    ///
    /// If the listener has no address.
    pub(crate) fn start(listener: TcpListener, server: SocketAddr) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (mode, modes) = watch::channel(Mode::Forward);
        let accepting = tokio::spawn(accept(listener, address, server, modes));
        Ok(Self { mode, _accepting: AbortOnDropHandle::new(accepting) })
    }

    /// Sets what happens to connections from now on.
    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Returns true if connections are refused.
    #[must_use]
    pub(crate) fn is_closed(&self) -> bool {
        *self.mode.borrow() == Mode::Closed
    }
}

/// Accepts connections until the proxy is dropped.
async fn accept(
    mut listener: TcpListener,
    address: SocketAddr,
    server: SocketAddr,
    mut modes: watch::Receiver<Mode>,
) {
    loop {
        let closed = {
            let mut modes = modes.clone();
            async move { modes.wait_for(|mode| *mode == Mode::Closed).await.is_ok() }
        };
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    tokio::spawn(forward(client, server, modes.clone()));
                }
                // Most likely out of file descriptors.
                Err(_) => sleep(RETRY).await,
            },
            true = closed => {
                drop(listener);
                listener = reopened(address, &mut modes).await;
            }
        }
    }
}

/// Returns a new listener once connections are no longer refused. Until then a socket that does not listen reserves the
/// port, so that the system does not select it for another program.
async fn reopened(address: SocketAddr, modes: &mut watch::Receiver<Mode>) -> TcpListener {
    loop {
        if let Ok(reserved) = reserve(address) {
            // An error means that the proxy was dropped, and with it this task.
            let _ = modes.wait_for(|mode| *mode != Mode::Closed).await;
            if let Ok(listener) = reserved.listen(BACKLOG) {
                return listener;
            }
        }
        sleep(RETRY).await;
    }
}

fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // The connections of the former listener still have the address.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests;
