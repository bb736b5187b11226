//! The whole stack in one process.

pub mod config;
pub mod embedded;
pub mod loading;
pub mod stack;
