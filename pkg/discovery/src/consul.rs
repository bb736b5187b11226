//! A registry kept by Consul, or by anything that speaks its HTTP interface.

mod cursor;
mod decode;
mod http;
mod watch;

use crate::registration::TTL;
use crate::registry::{Error, Instance, InstanceSet};
use async_trait::async_trait;
use fault::{Fault, Kind};
use futures::stream::{self, BoxStream, StreamExt};
use http::Http;
use serde_json::json;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use watch::Watcher;

/// After how long in a critical state Consul forgets an instance by itself; it allows no less.
const DEREGISTER_AFTER: &str = "1m";

/// Where Consul is, and how it is asked.
#[derive(Clone)]
pub struct Config {
    /// `http://…`, `https://…` (a path is kept as a prefix), `unix:///path`, or `host:port`, which means http.
    pub url: String,
    /// The ACL token, where Consul wants one.
    pub token: Option<String>,
    /// A PEM file with the only certificates to trust for `https://`; the system's where there is none.
    pub ca: Option<PathBuf>,
    /// How long after Consul was away an empty answer doesn't replace a full set.
    pub grace: Duration,
    /// The longest time that one blocking query waits for a change.
    pub wait: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8500".to_owned(),
            token: None,
            ca: None,
            grace: Duration::from_secs(30),
            wait: Duration::from_secs(30),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "…");
        f.debug_struct("Config")
            .field("url", &self.url)
            .field("token", &token)
            .field("ca", &self.ca)
            .field("grace", &self.grace)
            .field("wait", &self.wait)
            .finish()
    }
}

/// The registry that Consul keeps.
#[derive(Debug)]
pub struct Registry {
    http: Http,
    grace: Duration,
    wait: Duration,
    disturbed: Arc<Notify>,
}

impl Registry {
    /// Prepares to ask the Consul that `config` names; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`Kind::InvalidArgument`] where the URL, the token or the CA file can't be used.
    pub fn new(config: Config) -> Result<Self, Error> {
        let http = Http::new(&config.url, config.token.as_deref(), config.ca.as_deref())?;
        Ok(Self { http, grace: config.grace, wait: config.wait, disturbed: Arc::default() })
    }

    /// Says that `instance` is passing.
    async fn pass(&self, instance: &Instance) -> Result<(), Error> {
        let check = format!("service:{}", instance.id);
        let status = json!({ "Status": "passing", "Output": "alive" });
        let answer = self.http.put(&["v1", "agent", "check", "update", &check], Some(&status)).await?;
        answer.forgotten_as_not_found("Unknown check")
    }
}

#[async_trait]
impl crate::Registry for Registry {
    async fn register(&self, instance: &Instance) -> Result<(), Error> {
        let definition = json!({
            "ID": instance.id,
            "Name": instance.service,
            "Address": instance.host,
            "Port": instance.port,
            "Tags": instance.tags,
            "Check": {
                "TTL": format!("{}s", TTL.as_secs()),
                "Status": "passing",
                "DeregisterCriticalServiceAfter": DEREGISTER_AFTER,
            },
        });
        self.http.put(&["v1", "agent", "service", "register"], Some(&definition)).await?.success()?;
        // A check that Consul already has keeps its status, critical too, whatever the definition says.
        self.pass(instance).await
    }

    async fn heartbeat(&self, instance: &Instance) -> Result<(), Error> {
        self.pass(instance).await
    }

    async fn deregister(&self, instance: &Instance) -> Result<(), Error> {
        let answer = self.http.put(&["v1", "agent", "service", "deregister", &instance.id], None).await?;
        match answer.forgotten_as_not_found("Unknown service") {
            Err(error) if error.kind() == Kind::NotFound => Ok(()),
            other => other,
        }
    }

    fn watch(&self, service: &str) -> BoxStream<'static, InstanceSet> {
        let disturbed = self.disturbed.clone();
        let watcher = Watcher::new(self.http.clone(), service, self.wait, self.grace, disturbed);
        stream::unfold(watcher, |mut watcher| async move { Some((watcher.next().await, watcher)) }).boxed()
    }

    async fn disturbed(&self) {
        self.disturbed.notified().await;
    }
}
