//! The whole stack in one process.

pub mod config;
pub mod embedded;
mod faults;
mod load;
pub mod loading;
pub mod stack;
