//! Extractors for REST handlers; each rejects a request with a [`Problem`](crate::Problem) that names the
//! field as the request spells it.

mod ids;
mod json;
mod path;
mod query;
mod reason;

pub use ids::Ids;
pub use json::{Json, PreSerialized};
pub use path::Path;
pub use query::Query;

pub(crate) use query::parameter_names;
