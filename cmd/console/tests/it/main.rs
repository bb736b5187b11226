//! Tests of the console over its interfaces: OTLP, HTTP, and the instances that it observes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod dead_letters;
mod events;
mod faults;
mod observed;
mod origin;
mod page;
mod process;
mod rig;
mod soak;
mod telemetry;
mod trial;
