//! `/v1/agent/*`: registrations with the agent, and its own state.

use super::query::Query;
use super::reply::Reply;
use super::{Call, view};
use crate::definition::{self, Status};
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::state::State;
use serde_json::{Map, Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Handles a call that changes the state.
pub(super) fn write(
    shared: &Shared,
    call: Call,
    name: &str,
    query: &Query,
    body: &[u8],
) -> Result<Reply, Refusal> {
    let note = query.value("note").unwrap_or_default();
    match call {
        Call::Register => register(shared, query, body)?,
        Call::Deregister => {
            shared.write(|state, _| state.deregister(name))?;
            tracing::info!(service = name, "deregistered");
        }
        Call::CheckRegister => {
            let (service, check) = definition::check_of_service(body)?;
            shared.write(|state, now| state.add_check(&service, check, now))?;
        }
        Call::CheckDeregister => shared.write(|state, _| state.remove_check(name))?,
        Call::Pass => update(shared, name, Status::Passing, note)?,
        Call::Warn => update(shared, name, Status::Warning, note)?,
        Call::Fail => update(shared, name, Status::Critical, note)?,
        _ => {
            let (status, output) = definition::update(body)?;
            update(shared, name, status, &output)?;
        }
    }
    Ok(Reply::done())
}

fn register(shared: &Shared, query: &Query, body: &[u8]) -> Result<(), Refusal> {
    let (service, checks) = definition::service(body)?;
    let replace = matches!(query.all("replace-existing-checks").next(), Some("" | "true"));
    tracing::info!(service = service.id, address = service.address, port = service.port, "registered");
    shared.write(|state, now| state.register(service, checks, replace, now));
    Ok(())
}

fn update(shared: &Shared, check: &str, status: Status, output: &str) -> Result<(), Refusal> {
    shared.write(|state, now| state.update(check, status, output, now))
}

/// Handles a call that only reads.
pub(super) fn read(shared: &Shared, state: &State, call: Call) -> Value {
    match call {
        Call::AgentServices => {
            let entry = |service| (view::id(service), view::agent_service(service));
            Value::Object(state.services().map(entry).collect())
        }
        Call::AgentChecks => {
            let checks: Map<String, Value> = state
                .checks()
                .map(|check| {
                    let mut value = view::check(state, check);
                    value["CreateIndex"] = json!(0);
                    value["ModifyIndex"] = json!(0);
                    (check.definition.id.clone(), value)
                })
                .collect();
            Value::Object(checks)
        }
        Call::AgentMembers => json!([view::member(shared)]),
        _ => view::agent(shared),
    }
}

/// Returns a service with a hash of its state, after a change if the query blocks.
pub(super) async fn service(shared: &Shared, id: &str, query: &Query) -> Result<Reply, Refusal> {
    let hash = |state: &State| {
        let mut hasher = DefaultHasher::new();
        state.service(id).map(|service| &service.definition).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    };
    if let Some(known) = query.value("hash") {
        shared.wait(query.deadline(), |state| hash(state) != known).await?;
    }
    let found =
        shared.read(|state| state.service(id).map(|service| (view::agent_service(service), hash(state))));
    let Some((mut service, hash)) = found else {
        return Err(Refusal::not_found(format!("unknown service ID: {id}")));
    };
    service["ContentHash"] = json!(hash);
    Ok(Reply::json(service).hashed(&hash))
}
