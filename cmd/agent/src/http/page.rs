//! The page at `/ui`, one self-contained file, and the data that it polls.

use super::query::Query;
use super::reply::Reply;
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::state::{Service, State};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

const PAGE: &str = include_str!("page.html");

/// The placeholder data in the page, which is replaced by the current data.
const NO_DATA: &str = r#"{"index":0,"services":{}}"#;

/// Returns the page with its initial data.
pub(super) fn page(shared: &Shared) -> Reply {
    // Escaped, so that no text in the data can end the enclosing script.
    let data = shared.read(everything).to_string().replace('<', "\\u003c");
    Reply::html(&PAGE.replacen(NO_DATA, &data, 1))
}

/// Returns all services with their instances and checks, after a change if the query blocks.
pub(super) async fn data(shared: &Shared, query: &Query) -> Result<Reply, Refusal> {
    if query.index > 0 {
        shared.wait(query.deadline(), |state| state.index() > query.index).await?;
    }
    Ok(Reply::json(shared.read(everything)))
}

fn everything(state: &State) -> Value {
    json!({"index": state.index(), "services": services(state)})
}

/// Groups instances by service name.
fn services(state: &State) -> Value {
    let mut services: Map<String, Value> = Map::new();
    for service in state.services() {
        let instances = services.entry(&service.definition.name).or_insert_with(|| json!([]));
        if let Some(instances) = instances.as_array_mut() {
            instances.push(instance(state, service));
        }
    }
    Value::Object(services)
}

fn instance(state: &State, service: &Service) -> Value {
    let definition = &service.definition;
    let checks = state.checks_of(&definition.id).map(|check| {
        json!({
            "name": check.definition.name,
            "status": check.status.name(),
            "output": check.output,
            "heardMs": Instant::now().saturating_duration_since(check.heard).as_millis() as u64,
        })
    });
    json!({
        "id": definition.id,
        "address": definition.address,
        "port": definition.port,
        "tags": definition.tags,
        "status": state.status(&definition.id).name(),
        "checks": checks.collect::<Value>(),
    })
}
