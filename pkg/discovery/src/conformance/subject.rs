//! What the cases need of a registry under test.

use crate::registry::{Instance, Registry};
use async_trait::async_trait;
use libtest_mimic::Failed;
use std::sync::Arc;

/// An action on a registry that a case needs besides the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// Restarting it with its memory lost, by [`Subject::restart`].
    Restart,
    /// Marking an instance critical, by [`Subject::fail`].
    Fail,
    /// Removing instances without heartbeats by itself.
    Expire,
}

/// A registry under test.
#[async_trait]
pub trait Subject: Send + Sync {
    /// The registry.
    fn registry(&self) -> Arc<dyn Registry>;

    /// Returns why it can't do what a case needs, if so.
    fn lacks(&self, power: Power) -> Option<&'static str>;

    /// Loses everything, and responds again.
    async fn restart(&self) -> Result<(), Failed>;

    /// Marks `instance` critical.
    async fn fail(&self, instance: &Instance) -> Result<(), Failed>;
}
