//! Why a server cannot start or go on.

use std::io;
use std::net::SocketAddr;

/// A failure of a server to start or to go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("{service} can't listen on {address}")]
    Listen {
        /// The service.
        service: &'static str,
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// The descriptors of its gRPC services cannot be decoded.
    #[error("the gRPC descriptors of {service} can't be decoded")]
    Descriptors {
        /// The service.
        service: &'static str,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The description of its REST interface cannot be serialized.
    #[error("the OpenAPI document of {service} can't be serialized")]
    OpenApi {
        /// The service.
        service: &'static str,
        /// The cause.
        source: serde_json::Error,
    },
    /// A worker thread cannot start.
    #[error("{service} can't start a worker thread")]
    Worker {
        /// The service.
        service: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// A worker thread panicked.
    #[error("a worker thread of {service} panicked")]
    WorkerLost {
        /// The service.
        service: &'static str,
    },
}
