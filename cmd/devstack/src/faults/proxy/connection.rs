//! One connection through the proxy.

use super::failing;
use super::mode::Mode;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::sleep;

/// The size of a buffer; there is one for each direction.
const BUFFER: usize = 16 * 1024;

/// The side that sends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sender {
    Client,
    Server,
}

/// Forwards a connection to `server` until one side ends it. Ends it once the mode requires that.
pub(super) async fn forward(mut client: TcpStream, server: SocketAddr, modes: watch::Receiver<Mode>) {
    let mut changes = modes.clone();
    let mode = *modes.borrow();
    if mode == Mode::Failing {
        tokio::select! {
            _ = failing::serve(client) => {}
            _ = changes.wait_for(|mode| *mode != Mode::Failing) => {}
        }
        return;
    }
    let ended = tokio::select! {
        ended = both(&mut client, server, &modes) => ended,
        _ = changes.wait_for(|mode| matches!(mode, Mode::Closed | Mode::Failing)) => Err(reset()),
    };
    if ended.is_err() {
        // The client is to see a reset; otherwise the connection would seem to end in an orderly way.
        let _ = client.set_zero_linger();
    }
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

async fn both(client: &mut TcpStream, server: SocketAddr, modes: &watch::Receiver<Mode>) -> io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    tokio::try_join!(
        copy(Sender::Client, from_client, to_server, modes.clone()),
        copy(Sender::Server, from_server, to_client, modes.clone()),
    )?;
    Ok(())
}

/// Copies one direction until its end. What was read while the proxy is frozen is forwarded afterwards.
async fn copy(
    sender: Sender,
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut modes: watch::Receiver<Mode>,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = from.read(&mut buffer).await?;
        let mode = *modes.wait_for(|mode| *mode != Mode::Frozen).await.map_err(|_| reset())?;
        if let (Mode::Slow(delay), Sender::Server) = (mode, sender) {
            sleep(delay).await;
        }
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}
