//! Connections to an instance.

use discovery::Instance;
use tonic::transport::{Channel, Endpoint};

/// Returns a connection to `instance`, opened at the first call.
pub fn channel(instance: &Instance) -> anyhow::Result<Channel> {
    Ok(Endpoint::from_shared(format!("http://{}", instance.authority()))?.connect_lazy())
}
