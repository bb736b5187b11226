//! The interface of a registry to services and callers, whatever the implementation.

use async_trait::async_trait;
use fault::{Fault, Kind};
use futures::stream::BoxStream;
use std::fmt;
use std::sync::Arc;

/// A running instance of a service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instance {
    /// The service's name (`metadata`).
    pub service: String,
    /// The instance's id, the same after a restart (`metadata-host-8081`).
    pub id: String,
    /// Host name or IP address, without brackets.
    pub host: String,
    /// TCP port, never 0.
    pub port: u16,
    /// Tags by which callers can distinguish instances.
    pub tags: Vec<String>,
}

impl Instance {
    /// Returns `host:port`, with brackets around an IPv6 address.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// The passing instances of one service at one moment, sorted by id.
pub type InstanceSet = Arc<[Instance]>;

/// A registry is unreachable or rejects a call.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    text: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Creates an error of `kind` with a text.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), source: None }
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns true if the registry is unreachable, rather than rejecting one request.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(self.kind, Kind::Unavailable | Kind::Timeout | Kind::RateLimited)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        self.kind
    }
}

/// Reasons not to believe or use a reachable registry, for its metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Doubts {
    /// Watches whose results lack instances that the token has no permission to read: their last good set stays.
    pub filtered: usize,
    /// Watches that still use instances which the registry lost during an outage, until the grace is over.
    pub retaining: usize,
    /// Watches and registrations (counted as one) whose last response was a refusal or did not come from the
    /// registry.
    pub unusable: usize,
}

/// A registry of service instances.
#[async_trait]
pub trait Registry: Send + Sync + 'static {
    /// Registers `instance`, passing from the start; registering the same id again replaces it.
    async fn register(&self, instance: &Instance) -> Result<(), Error>;

    /// Sends a heartbeat of `instance`. [`Kind::NotFound`] if the registry does not know it (any longer): the
    /// caller registers again.
    async fn heartbeat(&self, instance: &Instance) -> Result<(), Error>;

    /// Deregisters `instance`; an unknown one is not an error.
    async fn deregister(&self, instance: &Instance) -> Result<(), Error>;

    /// Returns the passing instances of `service`, now and after each change. The stream never ends and never fails:
    /// while the registry is unreachable, the last good set remains valid.
    fn watch(&self, service: &str) -> BoxStream<'static, InstanceSet>;

    /// Resolves when the registry may have lost its memory, so that registrations are checked
    /// immediately instead of at the next heartbeat. Never resolves for a registry that can't tell.
    async fn disturbed(&self) {
        std::future::pending().await
    }

    /// Returns true if the last request to the registry succeeded; always, if it can't fail. Each change is logged
    /// once by the registry, so that its callers need not.
    fn is_up(&self) -> bool {
        true
    }

    /// Returns the current reasons not to believe or use the registry; none, if it can't fail.
    fn doubts(&self) -> Doubts {
        Doubts::default()
    }
}
