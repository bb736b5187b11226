//! Faults that can be injected into the running system, and the load that shows what callers notice. The program that
//! embeds the console implements [`Faults`]; alone, the console has none.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// Injects faults, removes them, and reports both.
#[async_trait]
pub trait Faults: Send + Sync + 'static {
    /// Returns all targets, their active faults and the counters of the load.
    async fn state(&self) -> State;

    /// Applies `action` to the target with the id `target`; an active fault of the target is replaced.
    ///
    /// # Errors
    ///
    /// If there is no such target, it does not have the action, or the action fails.
    async fn apply(&self, target: &str, action: Action) -> Result<(), Error>;

    /// Ends the active fault of the target with the id `target`; without one, it does nothing.
    ///
    /// # Errors
    ///
    /// If there is no such target, or the fault can't be ended.
    async fn heal(&self, target: &str) -> Result<(), Error>;
}

/// A fault that can be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Ends an instance without draining.
    Kill,
    /// Keeps an instance's connections open and stops its responses.
    Freeze,
    /// Delays the responses of an instance.
    Slow,
    /// Makes an instance respond with errors.
    Fail,
    /// Cuts the registry off.
    Cut,
    /// Stops the broker.
    Stop,
    /// Sends a burst of events to the topic.
    Burst,
}

/// All targets and the load.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// What faults can be applied to.
    pub targets: Vec<Target>,
    /// The load that runs all the time.
    pub load: Load,
}

/// A part of the system that faults can be applied to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The id; of an instance, its id in the registry.
    pub id: String,
    /// What it is.
    pub kind: TargetKind,
    /// The service of an instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The actions that it has.
    pub actions: Vec<Action>,
    /// The active fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<Active>,
}

/// The kind of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// An instance of a service.
    Instance,
    /// The registry.
    Registry,
    /// The broker.
    Broker,
    /// The topic of events.
    Topic,
}

/// A fault in effect. Times are milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Active {
    /// The fault.
    pub action: Action,
    /// When it was applied.
    pub since_ms: f64,
    /// When it ends by itself.
    pub heals_ms: f64,
}

/// The counters of the load.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Load {
    /// True while requests are sent.
    pub running: bool,
    /// The current rate.
    pub requests_per_second: f64,
    /// The number of requests sent since the start.
    pub sent: u64,
    /// The number of those that failed.
    pub failed: u64,
    /// The text of the last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
}

/// Why a fault was not applied or healed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such target (404).
    #[error("there is no target \"{0}\"")]
    UnknownTarget(String),
    /// The target does not have the action (400).
    #[error("target \"{target}\" does not support this action")]
    Unsupported {
        /// The target's id.
        target: String,
    },
    /// Applying or healing failed (500).
    #[error("{0}")]
    Failed(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn state_has_the_names_of_the_interface() {
        let active = Active { action: Action::Freeze, since_ms: 1.0, heals_ms: 2.0 };
        let target = Target {
            id: "rating-127.0.0.1-8082".to_owned(),
            kind: TargetKind::Instance,
            service: Some("rating".to_owned()),
            actions: vec![Action::Kill, Action::Freeze],
            active: Some(active),
        };
        let state = State { targets: vec![target], load: Load::default() };
        let expected = json!({
            "targets": [{
                "id": "rating-127.0.0.1-8082", "kind": "instance", "service": "rating", "actions": ["kill", "freeze"],
                "active": {"action": "freeze", "sinceMs": 1.0, "healsMs": 2.0},
            }],
            "load": {"running": false, "requestsPerSecond": 0.0, "sent": 0, "failed": 0},
        });
        assert_eq!(serde_json::to_value(state).unwrap(), expected);
    }
}
