//! Panics in the log. The default hook would block while standard error accepts no more.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::panic::PanicHookInfo;
use std::pin::Pin;
use std::task::{Context, Poll};

thread_local! {
    /// Whether a panic is reported by who catches it.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };

    /// Where the last such panic happened.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A future whose panics are not logged: who catches them does so, once, and gets their place from [`take_place`].
pub(crate) struct Caught<F>(pub(crate) F);

struct Restore(bool);

impl Drop for Restore {
    fn drop(&mut self) {
        CAUGHT.set(self.0);
    }
}

impl<F: Future + Unpin> Future for Caught<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _restore = Restore(CAUGHT.replace(true));
        Pin::new(&mut self.0).poll(context)
    }
}

/// Returns where the last panic of a [`Caught`] future happened, with its backtrace if `RUST_BACKTRACE` is set.
pub(crate) fn take_place() -> Option<String> {
    PLACE.take()
}

/// Logs a panic, or keeps its place.
pub(super) fn hook(panic: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    if CAUGHT.get() {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        PLACE.set(Some(backtrace.map_or(place.clone(), |backtrace| format!("{place}\n{backtrace}"))));
        return;
    }
    let thread = std::thread::current();
    tracing::error!(
        thread = thread.name(),
        location = panic.location().map(tracing::field::display),
        backtrace,
        "panicked: {}",
        panic.payload_as_str().unwrap_or("without a text"),
    );
}
