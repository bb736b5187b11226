//! The filter of the log, which can be replaced while the process runs.

use std::sync::{Mutex, MutexGuard, PoisonError};
use tracing::Level;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

type Directives = Box<dyn Layer<Registry> + Send + Sync>;

/// The current filter.
pub(super) struct Filter {
    layer: reload::Handle<Directives, Registry>,
    state: Mutex<State>,
}

struct State {
    current: String,
    /// The filter that [`Filter::toggle_debug`] replaced.
    before_debug: Option<String>,
}

impl Filter {
    /// Creates the filter, and the layer that applies it.
    pub(super) fn new(filter: &str) -> (Self, reload::Layer<Directives, Registry>) {
        let (layer, handle) = reload::Layer::new(directives(filter));
        let state = State { current: filter.to_owned(), before_debug: None };
        (Self { layer: handle, state: Mutex::new(state) }, layer)
    }

    /// Returns the filter as text.
    pub(super) fn current(&self) -> String {
        self.lock().current.clone()
    }

    /// Replaces the filter. `filter` must be valid.
    pub(super) fn set(&self, filter: String) {
        let mut state = self.lock();
        self.apply(&filter);
        *state = State { current: filter, before_debug: None };
    }

    /// Replaces the filter by `debug`, or restores the one that a call before has replaced. Returns the new one.
    pub(super) fn toggle_debug(&self) -> String {
        let mut state = self.lock();
        let (current, before_debug) = match state.before_debug.take() {
            Some(before) => (before, None),
            None => ("debug".to_owned(), Some(std::mem::take(&mut state.current))),
        };
        self.apply(&current);
        *state = State { current: current.clone(), before_debug };
        current
    }

    fn apply(&self, filter: &str) {
        // An error means that the log has ended.
        _ = self.layer.reload(directives(filter));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// h2 logs only errors, unless the filter names it: its warnings are about the behaviour of peers.
fn directives(filter: &str) -> Directives {
    let names_h2 = filter.split(',').any(|directive| directive.trim().starts_with("h2"));
    let quiet_h2 = filter_fn(move |metadata| {
        names_h2 || *metadata.level() == Level::ERROR || !metadata.target().starts_with("h2")
    });
    EnvFilter::builder().parse_lossy(filter).and_then(quiet_h2).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::{enabled, subscriber::with_default};
    use tracing_subscriber::layer::SubscriberExt;

    fn levels() -> [bool; 4] {
        [
            enabled!(Level::INFO),
            enabled!(Level::DEBUG),
            enabled!(target: "h2::x", Level::WARN),
            enabled!(target: "rating", Level::TRACE),
        ]
    }

    #[test]
    fn filter_is_replaced_and_debug_toggled() {
        let (filter, layer) = Filter::new("info");
        with_default(tracing_subscriber::registry().with(layer), || {
            assert_eq!(levels(), [true, false, false, false]);
            filter.set("warn,h2=info,rating=trace".to_owned());
            assert_eq!(levels(), [false, false, true, true]);
            assert_eq!(filter.toggle_debug(), "debug");
            assert_eq!((levels(), filter.current().as_str()), ([true, true, false, false], "debug"));
            assert_eq!(filter.toggle_debug(), "warn,h2=info,rating=trace");
            assert_eq!(levels(), [false, false, true, true]);
            filter.toggle_debug();
            filter.set("off".to_owned());
            assert_eq!(levels(), [false; 4]);
            assert_eq!(filter.toggle_debug(), "debug");
        });
    }
}
