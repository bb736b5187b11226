//! The HTTP interface of the page: its routes, and the check that a request is the own page's.

mod app;
mod break_it;
mod events;
mod lists;
mod origin;
mod page;
mod trial;

pub(crate) use app::App;
pub(crate) use origin::{Origin, Token};

use app::Refusal;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use std::sync::Arc;

/// The maximum number of pages that are open at the same time.
pub(crate) const MAX_PAGES: usize = events::MAX_PAGES;

/// The maximum size of a request's body, in bytes.
const MAX_BODY: usize = 512 * 1024;

/// Headers of every response: the page loads nothing from elsewhere, and no other page may embed it.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Returns the routes.
pub(crate) fn router(app: Arc<App>) -> Router {
    let api = Router::new()
        .route("/events", get(events::events))
        .route("/system", get(system))
        .route("/ingestion", get(ingestion))
        .route("/traces", get(lists::traces))
        .route("/traces/{id}", get(lists::trace))
        .route("/logs", get(lists::logs))
        .route("/openapi", get(trial::openapi))
        .route("/try", post(trial::send))
        .route("/faults", get(break_it::state).post(break_it::command))
        .fallback(unknown);
    Router::new()
        .route("/", get(page::index))
        .route("/assets/{name}", get(page::asset))
        .nest("/api", api)
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}

/// Rejects requests that are not the page's own, and adds the headers of every response.
async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let mut response = match refusal(&app, &request, is_api) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_api {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

fn refusal(app: &App, request: &Request, is_api: bool) -> Option<Refusal> {
    let forbidden = |text: String| Some(Refusal(StatusCode::FORBIDDEN, text));
    if let Some(text) = app.origin.refusal(request.uri(), request.headers()) {
        return forbidden(text);
    }
    if is_api && Origin::is_cross_site(request.headers()) {
        return forbidden("requests of other sites are rejected".to_owned());
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads && !app.token.is_in(request.headers()) {
        return forbidden("the token is not that of this start: reload the page".to_owned());
    }
    None
}

async fn system(State(app): State<Arc<App>>) -> Response {
    json(&app.latest.borrow().system)
}

async fn ingestion(State(app): State<Arc<App>>) -> Response {
    json(&app.latest.borrow().ingestion)
}

fn json(text: &Arc<str>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text.to_string()).into_response()
}

async fn unknown() -> Refusal {
    Refusal(StatusCode::NOT_FOUND, "this path does not exist".to_owned())
}

async fn not_allowed() -> Refusal {
    Refusal(StatusCode::METHOD_NOT_ALLOWED, "method not allowed on this path".to_owned())
}
