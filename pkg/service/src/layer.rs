//! What stands around every handler: limits of time and size, a net under panics, and the note of the route.

mod body;
mod guard;
mod route;

pub(crate) use body::{Capped, MAX_BODY, is_too_large};
pub(crate) use guard::{Halted, grpc_timeout, guarded};
pub(crate) use route::{Call, NoteRoute, Route};
