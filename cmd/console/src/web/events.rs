//! Server-Sent Events: the last observation once per second, and the log records since.
//!
//! Nothing is queued for a page. A page that reads slowly gets the last observation when it reads again, and the number
//! of log records that it missed.

use super::app::{App, Refusal};
use crate::observe::Latest;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::{self, Stream, StreamExt};
use http::StatusCode;
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// The maximum number of pages that are open at the same time.
pub(super) const MAX_PAGES: usize = 64;

/// The maximum number of log records in an event.
const MAX_LOGS: usize = 200;

/// The period of comments that keep a connection open.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long a page waits before it connects again.
const RETRY: Duration = Duration::from_secs(1);

struct Page {
    app: Arc<App>,
    latest: watch::Receiver<Arc<Latest>>,
    last_log: u64,
    is_first: bool,
    _permit: OwnedSemaphorePermit,
}

/// Streams events until the page leaves or the console stops.
pub(super) async fn events(
    State(app): State<Arc<App>>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    let full = |_| Refusal(StatusCode::SERVICE_UNAVAILABLE, format!("{MAX_PAGES} pages are open already"));
    let permit = Arc::clone(&app.pages).try_acquire_owned().map_err(full)?;
    let (latest, last_log) = (app.latest.clone(), app.stores.logs().last());
    let page = Page { app, latest, last_log, is_first: true, _permit: permit };
    let events = stream::unfold(page, |mut page| async move {
        let events = page.next().await?;
        Some((stream::iter(events), page))
    });
    Ok(Sse::new(events.flatten().map(Ok)).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

impl Page {
    /// Waits for the next observation; `None` if the console stops.
    async fn next(&mut self) -> Option<Vec<Event>> {
        let mut events = Vec::with_capacity(5);
        if self.is_first {
            self.is_first = false;
            events.push(Event::default().retry(RETRY));
            self.latest.mark_unchanged();
        } else {
            self.app.stop.run_until_cancelled(self.latest.changed()).await?.ok()?;
        }
        let latest = Arc::clone(&self.latest.borrow_and_update());
        let Latest { system, traces, ingestion, .. } = &*latest;
        for (name, data) in [("system", system), ("traces", traces), ("ingestion", ingestion)] {
            events.push(Event::default().event(name).data(data));
        }
        let (logs, skipped) = self.app.stores.logs().since(&mut self.last_log, MAX_LOGS);
        if !logs.is_empty() {
            let mut data = json!({"logs": logs});
            if skipped > 0 {
                data["skipped"] = json!(skipped);
            }
            events.push(Event::default().event("logs").data(data.to_string()));
        }
        Some(events)
    }
}

#[cfg(test)]
mod tests;
