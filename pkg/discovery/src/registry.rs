//! The registry as services and callers see it, whichever program keeps it.

use async_trait::async_trait;
use fault::{Fault, Kind};
use futures::stream::BoxStream;
use std::fmt;
use std::sync::Arc;

/// One running copy of a service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instance {
    /// The service's name (`metadata`).
    pub service: String,
    /// The instance's own name, the same after a restart (`metadata-host-8081`).
    pub id: String,
    /// Host name or IP address, without brackets.
    pub host: String,
    /// TCP port, never 0.
    pub port: u16,
    /// Free words by which callers may tell instances apart.
    pub tags: Vec<String>,
}

impl Instance {
    /// `host:port`, with the brackets that an IPv6 address needs.
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

/// A registry that can't be reached or refuses a call.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    text: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A failure of `kind`, told in `text`.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), source: None }
    }

    /// The same with what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether it says that the registry can't be asked at all, not that it refuses one question.
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

/// What keeps a registry that can be reached from being believed or used, for its metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Doubts {
    /// Watches whose results lack instances that the token may not read: their last good set stays.
    pub filtered: usize,
    /// Watches that still use instances which the registry lost during an outage, until the grace is over.
    pub retaining: usize,
    /// Watches, and registrations (together one), whose last response was a refusal or not the registry's.
    pub unusable: usize,
}

/// Where services are announced and found.
#[async_trait]
pub trait Registry: Send + Sync + 'static {
    /// Announces `instance`, passing from the start; announcing the same id again replaces it.
    async fn register(&self, instance: &Instance) -> Result<(), Error>;

    /// Says that `instance` is well. [`Kind::NotFound`] where the registry does not know it (any more): the
    /// caller registers again.
    async fn heartbeat(&self, instance: &Instance) -> Result<(), Error>;

    /// Takes `instance` out; one that is not there is no error.
    async fn deregister(&self, instance: &Instance) -> Result<(), Error>;

    /// The passing instances of `service`, now and after each change. The stream never ends and never fails:
    /// while the registry can't be asked, the last good set stays the truth.
    fn watch(&self, service: &str) -> BoxStream<'static, InstanceSet>;

    /// Resolves when the registry may have lost its memory, so that whoever is registered makes sure of it at
    /// once instead of at the next heartbeat. Never, for a registry that can't tell.
    async fn disturbed(&self) {
        std::future::pending().await
    }

    /// Whether the registry could be asked at last; always, for one that is never away. Each change is said
    /// once in its log, so that its callers need not.
    fn is_up(&self) -> bool {
        true
    }

    /// What keeps the registry from being believed or used now; nothing, for one that is never away.
    fn doubts(&self) -> Doubts {
        Doubts::default()
    }
}
