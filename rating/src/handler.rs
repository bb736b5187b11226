//! The service's two protocols: each parses, calls the controller once and wraps the answer.

pub(crate) mod grpc;
pub(crate) mod http;
