//! Calls to a discovered service, balanced over its instances.
//!
//! [`Instances`] follows the instances of a service, once per process. A [`Client`] on each worker runtime has a
//! connection to each instance and sends every call to a healthy one with few calls in flight, chosen by its
//! [`Picker`]. The caller's closures define what a connection and a call are.

mod budget;
mod caller;
mod counter;
mod error;
mod health;
mod instances;
mod latency;
mod picker;
mod statistics;
mod tally;

pub use caller::{Client, Hedge, Mode, Options};
pub use error::{Class, Error, Failure};
pub use health::Event;
pub use instances::{BadAddress, Instances};
pub use picker::{Endpoint, Lease, Picker};
pub use statistics::Statistics;
pub use tally::{InstanceStatistics, TRY_SECONDS};
