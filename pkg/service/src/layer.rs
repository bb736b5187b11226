//! The layers around every handler: limits of time and size, panics, recording of the route, and its parameters.

mod body;
mod coding;
mod guard;
mod parameters;
mod route;
mod target;

pub(crate) use body::{Capped, MAX_BODY, is_too_large};
pub(crate) use coding::check_codings;
pub(crate) use guard::{Halted, grpc_timeout, guarded};
pub(crate) use parameters::Parameters;
pub(crate) use route::{Call, CheckRoute, Route};
pub(crate) use target::normalize_path;
