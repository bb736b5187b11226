//! Errors that keep the service from starting or end it.

use client::BadAddress;

/// A failure to start or to go on serving.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is neither a registry to find a service in nor an address of it.
    #[error("`{flag}` is required with `--registry none`: it sets the address of the {service} service")]
    Nowhere {
        /// The service without an address.
        service: &'static str,
        /// The flag that sets its address.
        flag: &'static str,
    },
    /// The address of a service cannot be called.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// The server failed.
    #[error(transparent)]
    Server(#[from] service::Error),
}
