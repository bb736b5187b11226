//! How to reach Consul.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The time in a critical state after which Consul removes an instance; Consul allows no less.
pub(crate) const DEREGISTER_AFTER: &str = "1m";

/// Consul's address and how to access it.
#[derive(Clone)]
pub struct Config {
    /// `http://…`, `https://…` (a path is kept as a prefix), `unix:///path`, or `host:port`, which means http.
    pub url: String,
    /// The ACL token, if Consul requires one.
    pub token: Option<String>,
    /// A PEM file with the only certificates to trust for `https://`; by default the system's.
    pub ca: Option<PathBuf>,
    /// How long after an outage of Consul the loss of all, or of more than half, of a service's instances is
    /// ignored.
    pub grace: Duration,
    /// The maximum time that a blocking query waits for a change.
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
