//! A log-structured merge tree of two levels on tables of SQLite; its design, recovery and invariants:
//!
#![doc = include_str!("../README.md")]

mod batch;
mod connection;
mod journal;
mod memtable;
mod overlay;
mod table;
mod transaction;

pub use batch::{Parameters, Rows, StatementBatch};
pub use connection::WriteConnection;
pub use memtable::{Lookup, Memtable, Recover};
pub use overlay::Overlay;
pub use table::Table;
pub use transaction::WriteTransaction;
