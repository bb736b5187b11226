//! The layers around every handler: limits of time and size, panics, and recording of the route.

mod body;
mod call;
mod guard;
mod route;

pub(crate) use body::{MAX_BODY, MAX_DISCARDED, RequestBody, is_too_large};
pub(crate) use call::{Call, Halted, Limits};
pub(crate) use guard::{grpc_timeout, guarded};
pub(crate) use route::NoteRoute;
