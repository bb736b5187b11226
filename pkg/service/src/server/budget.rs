//! The budget of unread response bytes, per connection and per process.
//!
//! A response stays in memory until its peer has read it, and HTTP/2 lets a peer read nothing for as long as it
//! likes. Therefore, a connection whose peer is behind starts no further request, and a response that exceeds the
//! budget is dropped and replaced by an error.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::timeout_at;

/// Bytes per connection that do not count towards the process: small responses never wait for other connections.
const FREE: usize = 64 * 1024;

/// A chunk of at most this size is never rejected: the error would be no smaller.
const SMALL: usize = 4 * 1024;

/// Requests of one connection that run concurrently while others wait for the peer.
const TURNS: usize = 4;

/// The error text of a rejected request.
pub(super) const REFUSED: &str = "too many response bytes are unread, read them and try again";

/// The limits of unread response bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of one connection from which its next requests wait.
    pub(super) start: usize,
    /// Bytes of one connection above which a response is rejected, unless it is the only one.
    pub(super) connection: usize,
    /// Bytes of all connections together. Each may use at most the rest, so that one never uses all.
    pub(super) process: usize,
}

impl Limits {
    pub(super) const DEFAULT: Self = Self { start: 4 << 20, connection: 64 << 20, process: 256 << 20 };
}

/// The process's budget.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    /// Unread bytes of all connections above [`FREE`] each.
    total: AtomicUsize,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, total: AtomicUsize::new(0) })
    }

    fn left(&self) -> usize {
        self.limits.process.saturating_sub(self.total.load(Relaxed))
    }
}

/// A counter that only the thread of its connection changes, without atomic read-modify-write operations.
#[derive(Debug, Default)]
struct Count(AtomicUsize);

impl Count {
    fn get(&self) -> usize {
        self.0.load(Relaxed)
    }

    fn add(&self, more: usize) -> usize {
        let sum = self.get().wrapping_add(more);
        self.0.store(sum, Relaxed);
        sum
    }

    fn subtract(&self, less: usize) -> usize {
        let rest = self.get().saturating_sub(less);
        self.0.store(rest, Relaxed);
        rest
    }
}

/// One connection's account; only the thread that serves the connection uses and drops references to it.
#[derive(Debug)]
pub(super) struct Account {
    budget: Arc<Budget>,
    /// The address of the peer.
    peer: Option<SocketAddr>,
    unread: Count,
    /// The number of response bytes written by the connection.
    written: Count,
    /// The number of times that the peer had read everything.
    emptied: Count,
    /// Requests with running handlers.
    running: Count,
    /// Held by requests that run while others wait.
    turns: Semaphore,
    /// Notified when unread bytes are released.
    released: Notify,
    /// Whether the connection lingers when it closes, because the peer may still be sending.
    lingering: AtomicBool,
}

/// The progress of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    /// Unread response bytes.
    pub(super) unread: usize,
    /// Response bytes written so far.
    pub(super) written: usize,
    /// The number of times that none were left to write.
    pub(super) emptied: usize,
}

impl Account {
    pub(super) fn new(budget: &Arc<Budget>, peer: Option<SocketAddr>) -> Arc<Self> {
        Arc::new(Self {
            budget: Arc::clone(budget),
            peer,
            unread: Count::default(),
            written: Count::default(),
            emptied: Count::default(),
            running: Count::default(),
            turns: Semaphore::new(TURNS),
            released: Notify::new(),
            lingering: AtomicBool::new(false),
        })
    }

    /// Returns the address of the peer, if it is known.
    pub(super) const fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    pub(super) fn progress(&self) -> Progress {
        Progress { unread: self.unread.get(), written: self.written.get(), emptied: self.emptied.get() }
    }

    /// Returns the number of requests with running handlers; one that waits for the peer to read does not count.
    pub(super) fn running(&self) -> usize {
        self.running.get()
    }

    /// Sets whether the peer may still be sending the body of its last request.
    pub(super) fn set_lingering(&self, lingering: bool) {
        self.lingering.store(lingering, Relaxed);
    }

    pub(super) fn is_lingering(&self) -> bool {
        self.lingering.load(Relaxed)
    }

    /// Charges `bytes` of a response, or returns false if they exceed the budget.
    fn charge(&self, bytes: usize) -> bool {
        let (before, limits) = (self.unread.get(), &self.budget.limits);
        let after = before.saturating_add(bytes);
        if after > FREE {
            let exceeds = (before > 0 && after > limits.connection) || after > self.budget.left();
            if exceeds && bytes > SMALL {
                return false;
            }
            self.budget.total.fetch_add(after - before.max(FREE), Relaxed);
        }
        self.unread.add(bytes);
        true
    }

    /// Releases charged `bytes`.
    fn release(&self, bytes: usize) {
        let before = self.unread.get();
        let after = self.unread.subtract(bytes);
        if before > FREE {
            self.budget.total.fetch_sub(before - after.max(FREE), Relaxed);
            self.released.notify_waiters();
        }
        if after == 0 {
            self.emptied.add(1);
        }
    }

    fn is_behind(&self) -> bool {
        let unread = self.unread.get();
        unread >= self.budget.limits.start || (unread > FREE && unread >= self.budget.left())
    }

    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        let turn = self.turns.acquire().await.ok();
        loop {
            let released = self.released.notified();
            if !self.is_behind() {
                return turn;
            }
            released.await;
        }
    }
}

/// Response bytes that are charged to a connection until they are dropped.
#[derive(Debug)]
pub(super) struct Charge {
    account: Arc<Account>,
    bytes: usize,
}

impl Charge {
    /// Creates an empty charge.
    pub(super) fn new(account: &Arc<Account>) -> Self {
        Self { account: Arc::clone(account), bytes: 0 }
    }

    /// Charges the length of a response, if it is known; returns false if it exceeds the budget.
    pub(super) fn raise(&mut self, len: Option<u64>) -> bool {
        let bytes = len.map_or(0, |len| usize::try_from(len).unwrap_or(usize::MAX));
        let charged = self.account.charge(bytes);
        if charged {
            self.bytes += bytes;
        }
        charged
    }

    /// Splits off the charge of the next `bytes`, or returns `None` if they exceed the charge and the budget.
    pub(super) fn split(&mut self, bytes: usize) -> Option<Self> {
        if bytes > self.bytes && !self.account.charge(bytes - self.bytes) {
            return None;
        }
        self.bytes = self.bytes.saturating_sub(bytes);
        Some(Self { account: Arc::clone(&self.account), bytes })
    }

    /// Records that the connection has written `bytes` of it.
    pub(super) fn write(&self, bytes: usize) {
        self.account.written.add(bytes);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.account.release(self.bytes);
        }
    }
}

/// A request without a response yet.
#[derive(Debug)]
pub(super) struct Request(Arc<Account>);

/// A request's permission to run its handler.
pub(super) struct Turn<'a> {
    _permit: Option<SemaphorePermit<'a>>,
}

impl Request {
    pub(super) fn new(account: &Arc<Account>) -> Self {
        account.running.add(1);
        Self(Arc::clone(account))
    }

    pub(super) const fn account(&self) -> &Arc<Account> {
        &self.0
    }

    /// Waits while the peer is behind in reading; returns `None` if it still is at `deadline`.
    pub(super) async fn turn(&self, deadline: Instant) -> Option<Turn<'_>> {
        if !self.0.is_behind() && self.0.turns.available_permits() > 0 {
            return Some(Turn { _permit: None });
        }
        let _paused = Paused::new(&self.0);
        // Boxed, so that this rarely needed wait does not enlarge every request's future.
        Box::pin(timeout_at(deadline.into(), self.0.turn())).await.ok().map(|permit| Turn { _permit: permit })
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.0.running.subtract(1);
    }
}

/// A request that waits for the peer: shutdown does not wait for it.
struct Paused<'a>(&'a Account);

impl<'a> Paused<'a> {
    fn new(account: &'a Account) -> Self {
        account.running.subtract(1);
        Self(account)
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        self.0.running.add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use std::time::Duration;

    const LIMITS: Limits = Limits { start: 100_000, connection: 300_000, process: 1_000_000 };

    #[test]
    fn response_above_connection_limit_is_rejected_unless_it_is_the_only_one() {
        let account = Account::new(&Budget::new(LIMITS), None);
        assert!(account.charge(300_000) && !account.charge(SMALL + 1));
        account.release(100_000);
        assert!(account.charge(100_000) && !account.charge(SMALL + 1));
        account.release(300_000);
        assert!(account.charge(400_000) && !account.charge(SMALL + 1));
        account.release(400_000);
        assert!(!account.charge(LIMITS.process + 1));
        assert_eq!((account.progress().unread, account.budget.total.load(Relaxed)), (0, 0));
    }

    #[test]
    fn connections_stay_within_process_budget_and_small_responses_always_pass() {
        let budget = Budget::new(LIMITS);
        let accounts: Vec<_> = (0..50).map(|_| Account::new(&budget, None)).collect();
        for account in &accounts {
            while account.charge(20_000) {}
            assert!(account.progress().unread >= 60_000, "{account:?}");
        }
        let unread: usize = accounts.iter().map(|account| account.progress().unread).sum();
        assert!(unread <= LIMITS.process + accounts.len() * FREE, "{unread}");
        assert!(Account::new(&budget, None).charge(FREE));
        for account in &accounts {
            account.release(account.progress().unread);
        }
        assert_eq!(budget.total.load(Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn request_waits_for_peer_until_deadline_without_running() {
        let account = Account::new(&Budget::new(LIMITS), None);
        let deadline = Instant::now() + Duration::from_secs(2);
        let requests: Vec<_> = (0..10).map(|_| Request::new(&account)).collect();
        assert!(account.charge(LIMITS.start));
        assert!(requests[0].turn(deadline).await.is_none());
        assert_eq!(account.running(), 10);

        let deadline = deadline + Duration::from_secs(60);
        let mut turns: Vec<_> = requests.iter().map(|request| Box::pin(request.turn(deadline))).collect();
        let mut admitted = Vec::new();
        assert!(turns.iter_mut().all(|turn| turn.now_or_never().is_none()));
        assert_eq!(account.running(), 0);
        account.release(1);
        admitted.extend(turns.iter_mut().filter_map(|turn| turn.now_or_never().flatten()));
        assert_eq!((admitted.len(), account.running()), (TURNS, TURNS));
        drop(turns);
        assert_eq!(account.running(), 10);
        drop(admitted);
        assert!(Request::new(&account).turn(deadline).now_or_never().flatten().is_some());
    }
}
