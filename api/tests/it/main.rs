//! The wire contract from outside: numbers, names, shapes and broken rules.

#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod broken_rules;
mod descriptors;
mod rows;
mod shapes;
