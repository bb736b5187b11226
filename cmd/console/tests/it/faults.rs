//! "Break it": the faults of the program that embeds the console.

use crate::rig::{json, start, start_with};
use async_trait::async_trait;
use console::Faults;
use console::faults::{Action, Active, Error, Load, State, Target, TargetKind};
use serde_json::json as object;
use std::sync::{Arc, Mutex};

/// One instance that can be frozen.
#[derive(Default)]
struct Frozen(Mutex<Option<Action>>);

#[async_trait]
impl Faults for Frozen {
    async fn state(&self) -> State {
        let active = self.0.lock().unwrap().map(|action| Active { action, since_ms: 1.0, heals_ms: 2.0 });
        let target = Target {
            id: "rating-1".to_owned(),
            kind: TargetKind::Instance,
            service: Some("rating".to_owned()),
            actions: vec![Action::Freeze],
            active,
        };
        State { targets: vec![target], load: Load { running: true, sent: 5, ..Load::default() } }
    }

    async fn apply(&self, target: &str, action: Action) -> Result<(), Error> {
        match (target, action) {
            ("rating-1", Action::Freeze) => *self.0.lock().unwrap() = Some(action),
            ("rating-1", Action::Kill) => return Err(Error::Failed("it is immortal".to_owned())),
            ("rating-1", _) => return Err(Error::Unsupported { target: target.to_owned() }),
            _ => return Err(Error::UnknownTarget(target.to_owned())),
        }
        Ok(())
    }

    async fn heal(&self, _target: &str) -> Result<(), Error> {
        *self.0.lock().unwrap() = None;
        Ok(())
    }
}

#[tokio::test]
async fn fault_is_applied_and_healed() {
    let rig = start_with(Some(Arc::new(Frozen::default()))).await;
    let state = rig.get("/api/faults").await;
    assert_eq!((&state["available"], &state["load"]["sent"]), (&true.into(), &5.into()));
    let frozen = json(&rig.post("/api/faults", &object!({"target": "rating-1", "action": "freeze"})).await);
    assert_eq!(frozen["targets"][0]["active"], object!({"action": "freeze", "sinceMs": 1.0, "healsMs": 2.0}));
    let healed = json(&rig.post("/api/faults", &object!({"target": "rating-1", "action": "heal"})).await);
    assert_eq!((&healed["available"], &healed["targets"][0]["active"]), (&true.into(), &object!(null)));
}

#[tokio::test]
async fn wrong_command_is_an_error() {
    let rig = start_with(Some(Arc::new(Frozen::default()))).await;
    for (command, status) in [
        (object!({"target": "other", "action": "freeze"}), 404),
        (object!({"target": "rating-1", "action": "burst"}), 400),
        (object!({"target": "rating-1", "action": "kill"}), 500),
        (object!({"target": "rating-1", "action": "explode"}), 422),
        (object!({"target": "rating-1"}), 422),
        (object!({"target": "rating-1", "action": "freeze", "more": 1}), 422),
        (object!([]), 422),
    ] {
        let response = rig.post("/api/faults", &command).await;
        assert_eq!(response.status().as_u16(), status, "{command}");
        assert!(json(&response)["error"].is_string(), "{command}");
    }
}

#[tokio::test]
async fn console_alone_has_no_faults() {
    let rig = start().await;
    assert_eq!(rig.get("/api/faults").await["available"], false);
    let response = rig.post("/api/faults", &object!({"target": "rating-1", "action": "freeze"})).await;
    assert_eq!(response.status(), 404);
}
