//! The service's two protocols. Each handler parses, calls the controller once and converts the result.

pub(crate) mod grpc;
pub(crate) mod http;
