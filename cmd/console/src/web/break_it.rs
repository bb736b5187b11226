//! "Break it": faults of the system that embeds the console.

use super::app::{App, Refusal};
use crate::faults::{Action, Error};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// What to do with a target.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Command {
    target: String,
    action: Step,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Heal {
    Heal,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "action must be heal, kill, freeze, slow, fail, cut, stop or burst")]
enum Step {
    Heal(Heal),
    Apply(Action),
}

/// Returns the targets, their faults and the load.
pub(super) async fn state(State(app): State<Arc<App>>) -> Json<Value> {
    let (available, state) = match &app.faults {
        Some(faults) => (true, faults.state().await),
        None => (false, crate::faults::State::default()),
    };
    Json(json!({"available": available, "targets": state.targets, "load": state.load}))
}

/// Applies or ends a fault, and returns the state after it.
pub(super) async fn command(
    State(app): State<Arc<App>>,
    command: Result<Json<Command>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    let Json(Command { target, action }) =
        command.map_err(|rejection| Refusal(rejection.status(), rejection.body_text()))?;
    let Some(faults) = &app.faults else {
        let text = "this console can't break anything: devstack's can";
        return Err(Refusal(StatusCode::NOT_FOUND, text.to_owned()));
    };
    let outcome = match action {
        Step::Heal(Heal::Heal) => faults.heal(&target).await,
        Step::Apply(action) => faults.apply(&target, action).await,
    };
    outcome.map_err(|error| {
        let status = match error {
            Error::UnknownTarget(_) => StatusCode::NOT_FOUND,
            Error::Unsupported { .. } => StatusCode::BAD_REQUEST,
            Error::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Refusal(status, error.to_string())
    })?;
    Ok(state(State(Arc::clone(&app))).await)
}
