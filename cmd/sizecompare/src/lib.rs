//! Serialized size and speed, format by format.

pub mod allocations;
pub mod codec;
pub mod compress;
pub mod config;
pub mod exchange;
pub mod format;
pub mod generated;
pub mod measure;
pub mod plot;
pub mod record;
pub mod report;
pub mod sample;
pub mod subject;

/// What `generate` makes of the Cap'n Proto schema; its code names itself by this path.
#[expect(missing_docs, clippy::unwrap_used, reason = "generated code")]
#[path = "generated/records_capnp.rs"]
#[rustfmt::skip]
pub mod records_capnp;
