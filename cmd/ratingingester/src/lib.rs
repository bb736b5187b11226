//! Files of ratings, sent to Kafka: JSON lines, a JSON array or CSV, event by event, in bounded memory.
//! The event and its producer serve whoever else sends ratings.

pub mod config;
mod decode;
pub mod event;
mod input;
pub mod producer;
mod progress;
mod rejects;
mod run;

pub use config::Config;
pub use event::Event;
pub use producer::Producer;
pub use run::{Error, Summary, run};
