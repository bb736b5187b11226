//! The layers around every handler: limits of time and size, panics, recording of the route, and its parameters.

mod body;
mod call;
mod coding;
mod guard;
mod parameters;
mod route;
mod target;

pub(crate) use body::{MAX_BODY, MAX_DISCARDED, RequestBody, is_too_large};
pub(crate) use call::{Call, Halted, Limits};
pub(crate) use coding::check_codings;
pub(crate) use guard::{grpc_timeout, guarded};
pub(crate) use parameters::Parameters;
pub(crate) use route::CheckRoute;
pub(crate) use target::normalize_path;
