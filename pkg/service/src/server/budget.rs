//! The budget of response bytes that peers have not read yet, per connection and per process.
//!
//! A response stays in memory until its peer has taken it, and HTTP/2 lets a peer take nothing for as long as it likes.
//! A connection whose peer is behind therefore starts no further request, and a response that exceeds the budget is
//! dropped and refused instead.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::timeout_at;

/// Bytes of each connection that do not count towards the process: small responses never wait for other connections.
const FREE: usize = 64 * 1024;

/// A chunk of at most so many bytes is never refused: it costs no more than its refusal.
const SMALL: usize = 4 * 1024;

/// Requests of one connection that run at the same time while others wait for the peer.
const TURNS: usize = 4;

/// What a refused request is told.
pub(super) const REFUSED: &str = "too many response bytes are unread, read them and try again";

/// The limits of unread response bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of one connection from which on its next requests wait.
    pub(super) start: usize,
    /// Bytes of one connection beyond which a response is refused, unless it is the only one.
    pub(super) connection: usize,
    /// Bytes of all connections together. Each may take at most what is left, so that one never takes all.
    pub(super) process: usize,
}

impl Limits {
    pub(super) const DEFAULT: Self = Self { start: 4 << 20, connection: 64 << 20, process: 256 << 20 };
}

/// The process's budget.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    /// Unread bytes of all connections beyond [`FREE`] each.
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

/// A count that only the thread of its connection changes, without the price of an atomic addition.
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

/// One connection's account; all that refers to it is used and dropped by the thread that serves the connection.
#[derive(Debug)]
pub(super) struct Account {
    budget: Arc<Budget>,
    unread: Count,
    /// How many response bytes the connection has written.
    written: Count,
    /// How often the peer had read everything.
    emptied: Count,
    /// Requests whose handlers run.
    running: Count,
    /// Held by the requests that run while others wait.
    turns: Semaphore,
    /// Notified when unread bytes are released.
    released: Notify,
}

/// How far the peer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    /// Response bytes that the peer has not read.
    pub(super) unread: usize,
    /// Response bytes that have been written so far.
    pub(super) written: usize,
    /// How often there were none left to write.
    pub(super) emptied: usize,
}

impl Account {
    pub(super) fn new(budget: &Arc<Budget>) -> Arc<Self> {
        Arc::new(Self {
            budget: Arc::clone(budget),
            unread: Count::default(),
            written: Count::default(),
            emptied: Count::default(),
            running: Count::default(),
            turns: Semaphore::new(TURNS),
            released: Notify::new(),
        })
    }

    pub(super) fn progress(&self) -> Progress {
        Progress { unread: self.unread.get(), written: self.written.get(), emptied: self.emptied.get() }
    }

    /// The number of requests whose handlers run; one that waits for the peer to read does not count.
    pub(super) fn running(&self) -> usize {
        self.running.get()
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

    /// Gives back `bytes` that were charged.
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
    /// A charge of nothing.
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

    /// Notes that the connection has written `bytes` of it.
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

/// A request that has arrived and has not been responded to.
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

    /// Waits while the peer is behind with reading; `None` if it still is at `deadline`.
    pub(super) async fn turn(&self, deadline: Instant) -> Option<Turn<'_>> {
        if !self.0.is_behind() && self.0.turns.available_permits() > 0 {
            return Some(Turn { _permit: None });
        }
        let _paused = Paused::new(&self.0);
        // In a box, the wait that is seldom needed does not make every request's future larger.
        Box::pin(timeout_at(deadline.into(), self.0.turn())).await.ok().map(|permit| Turn { _permit: permit })
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.0.running.subtract(1);
    }
}

/// A request that waits for the peer: shutdown need not wait for it.
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
    fn a_connection_is_refused_beyond_its_limit_and_its_only_response_is_not() {
        let account = Account::new(&Budget::new(LIMITS));
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
    fn any_number_of_connections_stay_within_the_process_and_small_responses_always_pass() {
        let budget = Budget::new(LIMITS);
        let accounts: Vec<_> = (0..50).map(|_| Account::new(&budget)).collect();
        for account in &accounts {
            while account.charge(20_000) {}
            assert!(account.progress().unread >= 60_000, "{account:?}");
        }
        let unread: usize = accounts.iter().map(|account| account.progress().unread).sum();
        assert!(unread <= LIMITS.process + accounts.len() * FREE, "{unread}");
        assert!(Account::new(&budget).charge(FREE));
        for account in &accounts {
            account.release(account.progress().unread);
        }
        assert_eq!(budget.total.load(Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_the_peer_until_its_deadline_and_does_not_run_meanwhile() {
        let account = Account::new(&Budget::new(LIMITS));
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
