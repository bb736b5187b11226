//! The state of a request in progress: its time limits, the progress of its body, and the route that it matched. It
//! outlives a handler that panics or times out.

use axum::extract::MatchedPath;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// No body is being read: the handler's time counts from the start of the request.
const UNREAD: u64 = 0;

/// The handler is waiting for the body.
const READING: u64 = u64::MAX;

/// Why a handler returned no response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Halted {
    /// It timed out and was dropped.
    Timeout,
    /// The body of the request was not complete within this time.
    LateBody(Duration),
    /// It panicked with this message.
    Panic(String),
}

/// The time limits of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Of the handler, from the end of the body that it reads, otherwise from the start of the request.
    pub(crate) request: Duration,
    /// Of the body, from the start of the request.
    pub(crate) body: Duration,
}

/// The state in the extensions of every request; one entry, because each costs an allocation. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Call(Arc<State>);

#[derive(Debug)]
struct State {
    began: Instant,
    limits: Limits,
    /// The time limit of the caller for everything.
    patience: Duration,
    /// [`UNREAD`], [`READING`], or the nanoseconds from the start of the request to the end of its body.
    body: AtomicU64,
    /// Whether the body was dropped before its end.
    abandoned: AtomicBool,
    /// Whether the declared length of the body exceeds the limit.
    oversized: bool,
    /// The address of the caller, as its connection has it.
    peer: Option<SocketAddr>,
    route: OnceLock<MatchedPath>,
}

impl Call {
    /// Creates the state of a request that `began` then, and whose caller waits for `patience`.
    pub(crate) fn new(
        began: Instant,
        limits: Limits,
        patience: Duration,
        oversized: bool,
        peer: Option<SocketAddr>,
    ) -> Self {
        Self(Arc::new(State {
            began,
            limits,
            patience,
            body: AtomicU64::new(UNREAD),
            abandoned: AtomicBool::new(false),
            oversized,
            peer,
            route: OnceLock::new(),
        }))
    }

    /// Returns the time at which the handler times out. While the body is being read, this is a lower bound.
    pub(crate) fn deadline(&self) -> Instant {
        let received = match self.0.body.load(Relaxed) {
            READING => UNREAD,
            nanoseconds => nanoseconds,
        };
        let limit = Duration::from_nanos(received).saturating_add(self.0.limits.request);
        self.0.began + limit.min(self.0.patience)
    }

    /// Returns when the request times out as it stands now, and what is late then.
    fn expiry(&self) -> (Instant, Halted) {
        if self.0.body.load(Relaxed) != READING {
            return (self.deadline(), Halted::Timeout);
        }
        let (body, patience) = (self.0.limits.body, self.0.patience);
        let late = if patience < body { Halted::Timeout } else { Halted::LateBody(body) };
        (self.0.began + body.min(patience), late)
    }

    /// Returns the earliest time at which the request may have timed out.
    pub(super) fn first_check(&self) -> Instant {
        self.deadline().min(self.0.began + self.0.limits.body)
    }

    /// Returns the next such time after `now`, or what is late if the request has timed out.
    pub(super) fn check(&self, now: Instant) -> Result<Instant, Halted> {
        match self.expiry() {
            (expiry, late) if expiry <= now => Err(late),
            // A body that ends from now on leaves the handler its whole time.
            (expiry, _) => Ok(expiry.min(now + self.0.limits.request)),
        }
    }

    /// Records that the handler waits for the body from now on.
    pub(super) fn begin_body(&self) {
        self.0.body.store(READING, Relaxed);
    }

    /// Records the end of a body that was being read.
    pub(super) fn end_body(&self) {
        let nanoseconds = u64::try_from(self.0.began.elapsed().as_nanos()).unwrap_or(READING - 1);
        self.0.body.store(nanoseconds.max(1), Relaxed);
    }

    /// Records that the body was dropped before its end.
    pub(super) fn abandon_body(&self) {
        self.0.abandoned.store(true, Relaxed);
    }

    /// Returns true if the body was dropped before its end.
    pub(crate) fn has_abandoned_body(&self) -> bool {
        self.0.abandoned.load(Relaxed)
    }

    /// Returns true if the declared length of the body exceeds the limit.
    pub(super) fn is_oversized(&self) -> bool {
        self.0.oversized
    }

    /// Returns the address of the caller, if it is known.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.0.peer
    }

    /// Stores the path template that the request matched.
    pub(super) fn set_route(&self, path: &MatchedPath) {
        _ = self.0.route.set(path.clone());
    }

    /// Returns the template (`/v1/metadata/{id}`), if the path matched one.
    pub(crate) fn template(&self) -> Option<&str> {
        self.0.route.get().map(MatchedPath::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { request: Duration::from_secs(2), body: Duration::from_secs(30) };

    fn call(ago: Duration, patience: Duration) -> (Instant, Call) {
        let began = Instant::now() - ago;
        (began, Call::new(began, LIMITS, patience, false, None))
    }

    #[test]
    fn handlers_time_begins_with_request_unless_it_reads_a_body() {
        let (began, call) = call(Duration::ZERO, Duration::MAX);
        assert_eq!(call.deadline(), began + LIMITS.request);
        assert_eq!(call.expiry(), (began + LIMITS.request, Halted::Timeout));
    }

    #[test]
    fn body_being_read_has_its_own_limit_and_extends_the_handlers() {
        let (began, call) = call(Duration::from_secs(8), Duration::MAX);
        call.begin_body();
        assert_eq!(call.expiry(), (began + LIMITS.body, Halted::LateBody(LIMITS.body)));
        // The body may end right after each check.
        let at = |seconds| began + Duration::from_secs(seconds);
        for (now, next) in [(2, 4), (4, 6), (29, 30)] {
            assert_eq!(call.check(at(now)), Ok(at(next)));
        }
        call.end_body();
        let (expiry, late) = call.expiry();
        assert_eq!((expiry, late), (call.deadline(), Halted::Timeout));
        assert_eq!(call.check(expiry), Err(Halted::Timeout));
        assert!(expiry >= began + Duration::from_secs(10) && expiry < began + Duration::from_secs(20));
    }

    #[test]
    fn callers_patience_covers_body_and_handler() {
        let patience = Duration::from_secs(9);
        let (began, call) = call(Duration::from_secs(8), patience);
        call.begin_body();
        assert_eq!(call.expiry(), (began + patience, Halted::Timeout));
        call.end_body();
        assert_eq!(call.expiry(), (began + patience, Halted::Timeout));
    }
}
