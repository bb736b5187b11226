//! The layers around every handler: limits of time and size, panics, and recording of the route.

mod body;
mod guard;
mod route;

pub(crate) use body::{Capped, MAX_BODY, is_too_large};
pub(crate) use guard::{Halted, grpc_timeout, guarded};
pub(crate) use route::{Call, NoteRoute, Route};
