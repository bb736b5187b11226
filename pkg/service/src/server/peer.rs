//! Time limits of a connection's peer: for reading responses, and for ending during shutdown.

use super::budget::Account;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The minimum that a peer must read within the deadline: this number of bytes, and this part of what was unread.
const MIN_BYTES: usize = 16 * 1024;
const MIN_PART: usize = 16;

/// The interval of checking a closing connection.
const INTERVAL: Duration = Duration::from_millis(50);

/// The idle time limit of a closing connection: an HTTP/2 peer acknowledges the end within one round trip.
const IDLE: Duration = Duration::from_millis(500);

/// The time limit without progress of a closing connection, while the peer must read a response or send a request.
const STILL: Duration = Duration::from_secs(1);

/// The peer of a connection.
pub(super) struct Peer<'a> {
    pub(super) account: &'a Account,
    /// How long it may read almost nothing while there are responses to read.
    pub(super) read: Duration,
    /// Whether a closing idle connection may wait for the rest of a request's head.
    pub(super) may_send_slowly: bool,
}

impl Peer<'_> {
    /// Returns once responses were pending for the whole deadline and the peer has read almost nothing.
    ///
    /// Must be polled after the connection, by the same task.
    pub(super) async fn stops_reading(&self) {
        let account = self.account;
        loop {
            poll_fn(|_| if account.progress().unread > 0 { Poll::Ready(()) } else { Poll::Pending }).await;
            let before = account.progress();
            sleep(self.read).await;
            let now = account.progress();
            let read = now.written.wrapping_sub(before.written);
            let least = MIN_BYTES.max(before.unread / MIN_PART);
            if now.unread > 0 && now.emptied == before.emptied && read < least {
                return;
            }
        }
    }

    /// Returns once a closing connection has no running handler and its peer is inactive.
    pub(super) async fn is_done(&self) {
        let mut before = self.account.progress();
        let mut since = Instant::now();
        loop {
            sleep(INTERVAL).await;
            let now = self.account.progress();
            if self.account.running() > 0 || now != before {
                before = now;
                since = Instant::now();
            }
            let patience = if self.may_send_slowly || now.unread > 0 { STILL } else { IDLE };
            if since.elapsed() >= patience {
                return;
            }
        }
    }
}
