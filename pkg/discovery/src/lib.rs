//! Registration and discovery of services: the registry's interface, its implementations and the life cycle
//! of a registration.

mod backoff;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod consul;
#[cfg(feature = "consulrs")]
pub mod consulrs;
pub mod memory;
pub mod registration;
mod registry;

pub use registry::{Doubts, Error, Instance, InstanceSet, Registry};
