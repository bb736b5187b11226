//! Calls to a discovered service, balanced over its instances.
//!
//! [`Instances`] follows who there is, once for all; a [`Client`] on each worker runtime holds a connection
//! to each of them and sends every call to one that is well and idle, which its [`Picker`] knows. What a
//! connection and a call are is the caller's business: a closure makes either.

mod caller;
mod error;
mod instances;
mod latency;
mod picker;
mod statistics;

pub use caller::{Client, Hedge, Mode, Options};
pub use error::{Class, Error, Failure};
pub use instances::{BadAddress, Instances};
pub use picker::{Endpoint, Lease, Picker};
pub use statistics::Statistics;
