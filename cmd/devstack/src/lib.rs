//! The whole stack in one process.

pub mod announce;
pub mod broker;
pub mod catalogue;
pub mod config;
pub mod data;
pub mod feed;
pub mod films;
pub mod find;
pub mod lag;
pub mod load;
pub mod own;
pub mod ports;
pub mod print;
pub mod progress;
pub mod registry;
pub mod services;
pub mod source;
pub mod stack;
pub mod topics;
pub mod viewers;
