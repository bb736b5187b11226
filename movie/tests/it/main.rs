//! The movie service before real metadata and rating services, over both gateways.

#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod broken_off;
mod connections;
mod given_up;
mod joined;
mod kept;
mod large;
mod measured;
mod merged;
mod propagated;
mod refused;
mod stack;
mod stand_in;
mod traced;
mod unexpected;
