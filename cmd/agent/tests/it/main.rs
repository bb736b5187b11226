//! The agent over HTTP, as seen by clients, curl and browsers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agent;
mod blocking;
mod catalog;
mod dns;
mod health;
mod outage;
mod page;
mod process;
mod reads;
mod registration;
mod rules;
mod ui;
