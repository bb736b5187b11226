//! Connections to an instance.

use discovery::Instance;
use tonic::transport::{Channel, Endpoint};

/// A connection to `instance`, made at the first call.
pub fn channel(instance: &Instance) -> anyhow::Result<Channel> {
    Ok(Endpoint::from_shared(format!("http://{}", instance.authority()))?.connect_lazy())
}
