//! The wire contract from outside: numbers, names, shapes and broken rules.

mod broken_rules;
mod descriptors;
mod shapes;
