//! A limit on the warnings and errors of a call site: events that a peer can cause any number of times must not fill
//! the log.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing::callsite::Identifier;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// The maximum number of warnings or errors of one call site per [`WINDOW`].
const MAX_LINES: u32 = 50;

/// The time over which lines are counted.
const WINDOW: Duration = Duration::from_secs(5);

/// A layer that suppresses warnings and errors beyond the limit; clones share it.
///
/// The number of suppressed lines is reported before the next line of the call site, or by [`RateLimit::report`].
#[derive(Clone)]
pub(super) struct RateLimit(Arc<Shared>);

struct Shared {
    sites: Mutex<HashMap<Identifier, Site>>,
    suppressed: AtomicU64,
    report: Box<dyn Fn(&str) + Send + Sync>,
}

struct Site {
    metadata: &'static Metadata<'static>,
    window: Window,
}

impl RateLimit {
    /// Creates a limit that passes messages about suppressed lines to `report`.
    pub(super) fn new(report: impl Fn(&str) + Send + Sync + 'static) -> Self {
        let report = Box::new(report);
        Self(Arc::new(Shared { sites: Mutex::default(), suppressed: AtomicU64::new(0), report }))
    }

    /// Returns the number of lines suppressed so far.
    pub(super) fn suppressed(&self) -> u64 {
        self.0.suppressed.load(Ordering::Relaxed)
    }

    /// Reports suppressed lines that are not yet reported.
    pub(super) fn report(&self) {
        let mut sites = self.0.sites.lock().unwrap_or_else(PoisonError::into_inner);
        for Site { metadata, window } in sites.values_mut() {
            self.report_at(metadata, std::mem::take(&mut window.suppressed));
        }
    }

    fn report_at(&self, metadata: &Metadata<'_>, suppressed: u64) {
        if suppressed > 0 {
            let place = match (metadata.file(), metadata.line()) {
                (Some(file), Some(line)) => format!("{file}:{line}"),
                _ => metadata.target().to_owned(),
            };
            (self.0.report)(&format!("suppressed {suppressed} lines like those of {place}"));
        }
    }
}

impl<S: Subscriber> Layer<S> for RateLimit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN {
            return true;
        }
        let now = Instant::now();
        let mut sites = self.0.sites.lock().unwrap_or_else(PoisonError::into_inner);
        let site = sites.entry(metadata.callsite()).or_insert(Site { metadata, window: Window::new(now) });
        match site.window.admit(now) {
            Some(suppressed) => {
                self.report_at(metadata, suppressed);
                true
            }
            None => {
                self.0.suppressed.fetch_add(1, Ordering::Relaxed);
                false
            }
        }
    }
}

/// The lines of one call site since `began`.
struct Window {
    began: Instant,
    passed: u32,
    suppressed: u64,
}

impl Window {
    const fn new(began: Instant) -> Self {
        Self { began, passed: 0, suppressed: 0 }
    }

    /// Returns `None` if a line at `now` exceeds the limit. Otherwise the number of lines that were suppressed before
    /// it and have not been reported.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        let mut suppressed = 0;
        if now.duration_since(self.began) >= WINDOW {
            suppressed = self.suppressed;
            *self = Self::new(now);
        }
        if self.passed == MAX_LINES {
            self.suppressed += 1;
            return None;
        }
        self.passed += 1;
        Some(suppressed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt;

    #[test]
    fn window_admits_its_limit_and_reports_suppressed_lines() {
        let began = Instant::now();
        let mut window = Window::new(began);
        for _ in 0..MAX_LINES {
            assert_eq!(window.admit(began), Some(0));
        }
        for _ in 0..3 {
            assert_eq!(window.admit(began + WINDOW / 2), None);
        }
        assert_eq!(window.admit(began + WINDOW), Some(3));
        assert_eq!(window.admit(began + WINDOW), Some(0));
    }

    /// Counts the events that pass.
    struct Passed(Arc<Mutex<Vec<Level>>>);

    impl<S: Subscriber> Layer<S> for Passed {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.lock().unwrap().push(*event.metadata().level());
        }
    }

    #[test]
    fn flood_from_one_call_site_is_suppressed_and_hides_no_other() {
        let reports = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&reports);
        let limit = RateLimit::new(move |text| noted.lock().unwrap().push(text.to_owned()));
        let passed = Arc::new(Mutex::new(Vec::new()));
        let log = tracing_subscriber::registry().with(limit.clone()).with(Passed(Arc::clone(&passed)));
        let flood = 10 * u64::from(MAX_LINES);
        tracing::subscriber::with_default(log, || {
            for _ in 0..flood {
                tracing::error!("the flood");
                tracing::info!("not limited");
            }
            tracing::warn!("another call site");
        });
        let count = |level| passed.lock().unwrap().iter().filter(|passed| **passed == level).count() as u64;
        // On a busy machine the flood may last into a second window.
        let errors = count(Level::ERROR);
        assert!(errors >= u64::from(MAX_LINES) && errors < flood, "{errors}");
        assert_eq!((count(Level::INFO), count(Level::WARN)), (flood, 1));
        assert_eq!(limit.suppressed(), flood - errors);
        limit.report();
        let reports = reports.lock().unwrap();
        assert!(reports.iter().any(|text| text.contains(file!())), "{reports:?}");
    }
}
