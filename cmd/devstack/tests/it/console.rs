//! The stack through its console.

use crate::process::{Stack, get, send};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

/// The console of a stack, as its page uses it.
struct Console<'a> {
    authority: &'a str,
    token: String,
}

impl<'a> Console<'a> {
    fn open(stack: &'a Stack) -> Self {
        let authority = stack.address("console");
        let (status, page) = send("GET", authority, "/", "", "").unwrap();
        assert_eq!(status, 200, "{page}");
        let (_, token) = page.split_once("name=\"console-token\" content=\"").unwrap();
        Self { authority, token: token.split('"').next().unwrap().to_owned() }
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = get(self.authority, path).unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    fn command(&self, target: &str, action: &str) -> (u16, Value) {
        let headers = format!("content-type: application/json\r\nx-console-token: {}\r\n", self.token);
        let body = json!({ "target": target, "action": action }).to_string();
        let (status, body) = send("POST", self.authority, "/api/faults", &headers, &body).unwrap();
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    fn eventually(&self, what: &str, path: &str, holds: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let body = self.get(path);
            if holds(&body) {
                return;
            }
            assert!(Instant::now() < deadline, "{what}: {body:#}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn target<'a>(faults: &'a Value, id: &str) -> &'a Value {
    faults["targets"].as_array().unwrap().iter().find(|target| target["id"] == id).unwrap()
}

/// Returns the state of an instance of rating on the map.
fn state<'a>(system: &'a Value, id: &str) -> &'a Value {
    let services = system["services"].as_array().unwrap();
    let rating = services.iter().find(|service| service["name"] == "rating").unwrap();
    let instance = rating["instances"].as_array().unwrap().iter().find(|instance| instance["id"] == id);
    instance.map_or(&Value::Null, |instance| &instance["state"])
}

#[test]
fn instance_is_killed_and_healed_by_the_console_and_no_response_fails() {
    let data = tempfile::tempdir().unwrap();
    let stack = Stack::with_console(data.path());
    let console = Console::open(&stack);
    let id = format!("rating-{}", stack.address("rating").replace(':', "-"));
    console.eventually("the map shows the instance", "/api/system", |system| state(system, &id) == "ready");
    console.eventually("traces arrive", "/api/traces", |traces| {
        traces["traces"].as_array().is_some_and(|traces| !traces.is_empty())
    });

    let (status, faults) = console.command(&id, "kill");
    assert_eq!(status, 200, "{faults}");
    assert_eq!(target(&faults, &id)["active"]["action"], "kill");
    assert!(get(stack.address("rating"), "/healthz").is_none());
    console.eventually("the map shows the failure", "/api/system", |system| {
        matches!(state(system, &id).as_str(), None | Some("unreachable" | "gone"))
    });
    let sent = console.get("/api/faults")["load"]["sent"].as_u64().unwrap();
    console.eventually("the load goes on", "/api/faults", |faults| {
        faults["load"]["sent"].as_u64().unwrap() > sent + 80
    });

    let (status, faults) = console.command(&id, "heal");
    assert_eq!(status, 200, "{faults}");
    assert!(target(&faults, &id).get("active").is_none(), "{faults}");
    assert_eq!(faults["load"]["failed"], 0, "{faults}");
    console.eventually("the map shows the recovery", "/api/system", |system| state(system, &id) == "ready");

    for (target, action, status) in
        [(id.as_str(), "stop", 400), ("rating", "kill", 404), ("registry", "cut", 200)]
    {
        assert_eq!(console.command(target, action).0, status, "{action} {target}");
    }
    assert_eq!(stack.stop().code(), Some(0));
}
