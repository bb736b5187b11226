//! The wire contract from outside: field numbers, names, shapes and validation.

#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod broken_rules;
mod descriptors;
mod objects;
mod pages;
mod shapes;
