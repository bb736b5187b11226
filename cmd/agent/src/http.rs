//! Consul's HTTP interface: dispatch of paths, and headers common to all responses.

mod agent;
mod call;
mod catalog;
mod filter;
mod health;
mod page;
mod path;
mod query;
mod reply;
mod token;
mod ui;
mod view;

use crate::refusal::Refusal;
use crate::shared::{DATACENTER, NODE, Shared};
use crate::state::State;
use axum::extract;
use axum::response::Response;
use call::Call;
use http::{Method, StatusCode};
use http_body_util::LengthLimitError;
use query::Query;
use reply::Reply;
use serde_json::{Value, json};
use std::error::Error;
use std::sync::Arc;

/// The maximum size of a request body, in bytes.
const LARGEST_BODY: usize = 1024 * 1024;

/// Handles any request.
pub(crate) async fn answer(
    extract::State(shared): extract::State<Arc<Shared>>,
    request: extract::Request,
) -> Response {
    let takes_gzip = service::accepts_coding(request.headers(), "gzip");
    reply(&shared, request).await.response(takes_gzip)
}

async fn reply(shared: &Shared, request: extract::Request) -> Reply {
    let path = match path::plain(request.uri()) {
        Ok(path) => path,
        Err(redirect) => return Reply::moved(&redirect),
    };
    if let Err(refusal) = admit(&request) {
        return Reply::refused(refusal, false);
    }
    let Some((call, method, name)) = call::find(&path) else { return Reply::unknown(&path) };
    let (query, pretty) = match Query::read(request.uri().query().unwrap_or_default(), request.headers()) {
        Ok(query) => (Ok(query.clone()), query.pretty),
        Err(refusal) => (Err(refusal), false),
    };
    let reply = match request.method() {
        &Method::OPTIONS => Reply::options(method),
        asked if asked != method => Reply::wrong_method(asked, method),
        _ => match query {
            Ok(query) => serve(shared, call, name, &query, request).await,
            Err(refusal) => Err(refusal),
        }
        .unwrap_or_else(|refusal| Reply::refused(refusal, call.is_indexed_in_failure())),
    };
    let policy = if shared.config.token.is_some() { "deny" } else { "allow" };
    let reply = if path.starts_with("/v1/") { reply.of_the_interface(policy) } else { reply };
    reply.pretty(pretty)
}

/// Rejects a request without a valid host, and a write from a web page of another origin, as the services do.
fn admit(request: &extract::Request) -> Result<(), Refusal> {
    if !service::admission::has_valid_host(request) {
        return Err(Refusal::bad_request("missing or malformed Host header"));
    }
    if service::admission::is_cross_origin_write(request) {
        let text = "Permission denied: the request comes from a page of another origin";
        return Err(Refusal::new(StatusCode::FORBIDDEN, text));
    }
    Ok(())
}

async fn serve(
    shared: &Shared,
    call: Call,
    name: &str,
    query: &Query,
    request: extract::Request,
) -> Result<Reply, Refusal> {
    if let Some(token) = shared.config.token.as_deref().filter(|_| call.needs_a_token()) {
        token::check(token, query, request.headers(), call.right())?;
    }
    if let Some(feature) = query.filter.as_ref().filter(|_| !call.takes_a_filter()) {
        return Err(feature.misplaced());
    }
    if call.has_a_body() {
        let body =
            axum::body::to_bytes(request.into_body(), LARGEST_BODY).await.map_err(|error| unread(&error))?;
        return match call {
            Call::CatalogRegister => catalog::register(shared, &body),
            Call::CatalogDeregister => catalog::deregister(shared, &body),
            Call::Authorize => ui::authorize(shared, &body).map(Reply::json),
            _ => agent::write(shared, call, name, query, &body),
        };
    }
    match call {
        Call::Root => return Ok(Reply::moved("/ui/")),
        Call::Page => return Ok(page::page(shared)),
        Call::PageData => return page::data(shared, query).await,
        _ => {}
    }
    if let Some(what) = call.lacks_a_name(name) {
        return Err(Refusal::bad_request(format!("Missing {what}")));
    }
    match call {
        Call::AgentHealthById => return Ok(health::by_id(shared, name, query)),
        Call::AgentHealthByName => return Ok(health::by_name(shared, name, query)),
        Call::AgentService => return agent::service(shared, name, query).await,
        _ => {}
    }
    list(shared, call, name, query).await
}

/// Returns the error for a body that is too large or ends too early.
fn unread(error: &axum::Error) -> Refusal {
    match error.source().is_some_and(|source| source.is::<LengthLimitError>()) {
        true => Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large"),
        false => Refusal::bad_request("Request decode failed: unexpected EOF"),
    }
}

/// Responds with the current state, after a change if the query blocks.
async fn list(shared: &Shared, call: Call, name: &str, query: &Query) -> Result<Reply, Refusal> {
    let index = |state: &State| match call {
        Call::HealthService | Call::HealthChecks | Call::CatalogService => state.service_index(name),
        _ => state.index(),
    };
    if call.is_indexed() && query.index > 0 {
        shared.wait(query.deadline(), |state| index(state) > query.index).await?;
    }
    let (index, value) = shared.read(|state| (index(state), read(shared, state, call, name, query)));
    let mut value = value?;
    if let Some(filter) = &query.filter {
        filter.apply(&mut value)?;
    }
    let reply = Reply::json(value);
    let reply = if query.cached && call.is_cached() { reply.missed() } else { reply };
    Ok(if call.is_indexed() { reply.indexed(index, query.consistency) } else { reply })
}

fn read(shared: &Shared, state: &State, call: Call, name: &str, query: &Query) -> Result<Value, Refusal> {
    Ok(match call {
        Call::HealthService => health::service(shared, state, name, query)?,
        Call::HealthChecks => health::checks(state, name),
        Call::HealthNode => health::node(state, name),
        Call::HealthState => health::state(state, name),
        Call::CatalogServices => catalog::services(state),
        Call::CatalogService => catalog::service(shared, state, name, query),
        Call::CatalogNodes => json!([view::node(shared, state)]),
        Call::CatalogDatacenters => json!([DATACENTER]),
        Call::StatusLeader => Value::from(view::leader(shared)),
        Call::StatusPeers => json!([view::leader(shared)]),
        Call::UiServices => ui::services(state),
        Call::UiNodes => json!([ui::node(shared, state, NODE)?]),
        Call::UiNode => ui::node(shared, state, name)?,
        Call::CoordinateNodes => ui::coordinates(),
        Call::NodeSessions | Call::Peerings => json!([]),
        _ => agent::read(shared, state, call),
    })
}
