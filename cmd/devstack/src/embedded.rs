//! The parts that run in this process unless external ones are given.

pub mod broker;
pub(crate) mod endpoint;
pub mod registry;
