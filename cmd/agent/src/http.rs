//! Consul's HTTP interface: which path means what, and what every answer carries.

mod agent;
mod catalog;
mod health;
mod page;
mod path;
mod query;
mod reply;
mod token;
mod view;

use crate::refusal::Refusal;
use crate::shared::{DATACENTER, Shared};
use crate::state::State;
use axum::extract;
use axum::response::Response;
use http::{Method, StatusCode};
use query::Query;
use reply::Reply;
use serde_json::{Value, json};
use std::sync::Arc;

/// The largest body that is read, in bytes.
const LARGEST_BODY: usize = 1024 * 1024;

/// One call of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Root,
    Page,
    PageData,
    Register,
    Deregister,
    Pass,
    Warn,
    Fail,
    Update,
    CheckRegister,
    CheckDeregister,
    AgentHealthById,
    AgentHealthByName,
    AgentServices,
    AgentService,
    AgentChecks,
    AgentSelf,
    AgentMembers,
    HealthService,
    HealthChecks,
    HealthNode,
    HealthState,
    CatalogRegister,
    CatalogDeregister,
    CatalogServices,
    CatalogService,
    CatalogNodes,
    CatalogDatacenters,
    StatusLeader,
    StatusPeers,
}

/// Every path with its method; one that ends in `/` under `/v1` goes on with a name.
const CALLS: &[(&str, Method, Call)] = &[
    ("/", Method::GET, Call::Root),
    ("/ui", Method::GET, Call::Page),
    ("/ui/", Method::GET, Call::Page),
    ("/ui/services", Method::GET, Call::PageData),
    ("/v1/agent/service/register", Method::PUT, Call::Register),
    ("/v1/agent/service/deregister/", Method::PUT, Call::Deregister),
    ("/v1/agent/check/pass/", Method::PUT, Call::Pass),
    ("/v1/agent/check/warn/", Method::PUT, Call::Warn),
    ("/v1/agent/check/fail/", Method::PUT, Call::Fail),
    ("/v1/agent/check/update/", Method::PUT, Call::Update),
    ("/v1/agent/check/register", Method::PUT, Call::CheckRegister),
    ("/v1/agent/check/deregister/", Method::PUT, Call::CheckDeregister),
    ("/v1/agent/health/service/id/", Method::GET, Call::AgentHealthById),
    ("/v1/agent/health/service/name/", Method::GET, Call::AgentHealthByName),
    ("/v1/agent/services", Method::GET, Call::AgentServices),
    ("/v1/agent/service/", Method::GET, Call::AgentService),
    ("/v1/agent/checks", Method::GET, Call::AgentChecks),
    ("/v1/agent/self", Method::GET, Call::AgentSelf),
    ("/v1/agent/members", Method::GET, Call::AgentMembers),
    ("/v1/health/service/", Method::GET, Call::HealthService),
    ("/v1/health/checks/", Method::GET, Call::HealthChecks),
    ("/v1/health/node/", Method::GET, Call::HealthNode),
    ("/v1/health/state/", Method::GET, Call::HealthState),
    ("/v1/catalog/register", Method::PUT, Call::CatalogRegister),
    ("/v1/catalog/deregister", Method::PUT, Call::CatalogDeregister),
    ("/v1/catalog/services", Method::GET, Call::CatalogServices),
    ("/v1/catalog/service/", Method::GET, Call::CatalogService),
    ("/v1/catalog/nodes", Method::GET, Call::CatalogNodes),
    ("/v1/catalog/datacenters", Method::GET, Call::CatalogDatacenters),
    ("/v1/status/leader", Method::GET, Call::StatusLeader),
    ("/v1/status/peers", Method::GET, Call::StatusPeers),
];

/// The call that `path` means, its method, and the name at the path's end.
fn find(path: &str) -> Option<(Call, &Method, &str)> {
    let matching = |(known, method, call): &'static (&str, Method, Call)| {
        let name = path.strip_prefix(known)?;
        let goes_on = known.starts_with("/v1/") && known.ends_with('/');
        (name.is_empty() || goes_on).then_some((*call, method, name))
    };
    CALLS.iter().find_map(matching)
}

/// Answers any request.
pub(crate) async fn answer(
    extract::State(shared): extract::State<Arc<Shared>>,
    request: extract::Request,
) -> Response {
    let takes_gzip = reply::takes_gzip(request.headers());
    reply(&shared, request).await.response(takes_gzip)
}

async fn reply(shared: &Shared, request: extract::Request) -> Reply {
    let path = match path::plain(request.uri()) {
        Ok(path) => path,
        Err(redirect) => return Reply::moved(&redirect),
    };
    let Some((call, method, name)) = find(&path) else { return Reply::unknown(&path) };
    let (query, pretty) = match Query::read(request.uri().query().unwrap_or_default()) {
        Ok(query) => (Ok(query.clone()), query.pretty),
        Err(refusal) => (Err(refusal), false),
    };
    let reply = match request.method() {
        &Method::OPTIONS => Reply::options(method),
        asked if asked != method => Reply::wrong_method(asked, method),
        _ => match query {
            Ok(query) => serve(shared, call, name, &query, request).await.unwrap_or_else(Reply::from),
            Err(refusal) => refusal.into(),
        },
    };
    let policy = if shared.config.token.is_some() { "deny" } else { "allow" };
    let reply = if path.starts_with("/v1/") { reply.of_the_interface(policy) } else { reply };
    reply.pretty(pretty)
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
    if call.right() == token::Right::Write {
        let body = axum::body::to_bytes(request.into_body(), LARGEST_BODY).await;
        let body = body.map_err(|_| Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large"))?;
        return match call {
            Call::CatalogRegister => catalog::register(shared, &body),
            Call::CatalogDeregister => catalog::deregister(shared, &body),
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
        _ => {}
    }
    let index = |state: &State| match call {
        Call::HealthService | Call::HealthChecks | Call::CatalogService => state.service_index(name),
        _ => state.index(),
    };
    let read = |state: &State| match call {
        Call::HealthService => health::service(shared, state, name, query),
        Call::HealthChecks => Ok(health::checks(shared, state, name)),
        Call::HealthNode => Ok(health::node(shared, state, name)),
        Call::HealthState => Ok(health::state(shared, state, name)),
        Call::CatalogServices => Ok(catalog::services(shared, state)),
        Call::CatalogService => Ok(catalog::service(shared, state, name, query)),
        Call::CatalogNodes => Ok(json!([view::node(shared, state)])),
        Call::CatalogDatacenters => Ok(json!([DATACENTER])),
        Call::StatusLeader => Ok(Value::from(view::leader(shared))),
        Call::StatusPeers => Ok(json!([view::leader(shared)])),
        _ => agent::read(shared, state, call, name),
    };
    if !call.is_indexed() {
        return Ok(Reply::json(shared.read(read)?));
    }
    if query.index > 0 {
        shared.wait(query.index, query.deadline(), index).await?;
    }
    let (index, value) = shared.read(|state| (index(state), read(state)));
    Ok(Reply::json(value?).indexed(index, query.consistency))
}

impl Call {
    /// What a token must allow.
    fn right(self) -> token::Right {
        match self {
            Self::Register
            | Self::Deregister
            | Self::Pass
            | Self::Warn
            | Self::Fail
            | Self::Update
            | Self::CheckRegister
            | Self::CheckDeregister
            | Self::CatalogRegister
            | Self::CatalogDeregister => token::Right::Write,
            _ => token::Right::Read,
        }
    }

    /// The page is the developer's own; status is open in Consul too.
    fn needs_a_token(self) -> bool {
        !matches!(self, Self::Root | Self::Page | Self::PageData | Self::StatusLeader | Self::StatusPeers)
    }

    /// Whether the answer has an index and can be waited for.
    fn is_indexed(self) -> bool {
        matches!(
            self,
            Self::HealthService
                | Self::HealthChecks
                | Self::HealthNode
                | Self::HealthState
                | Self::CatalogServices
                | Self::CatalogService
                | Self::CatalogNodes
        )
    }

    /// What is missing where the path ends too early.
    fn lacks_a_name(self, name: &str) -> Option<&'static str> {
        match self {
            _ if !name.is_empty() => None,
            Self::HealthService | Self::HealthChecks | Self::CatalogService => Some("service name"),
            Self::HealthNode => Some("node name"),
            Self::HealthState => Some("check state"),
            Self::AgentService => Some("service ID"),
            Self::AgentHealthById => Some("serviceID"),
            Self::AgentHealthByName => Some("service Name"),
            _ => None,
        }
    }
}
