//! The handlers of the two protocols. Each parses the request, calls the controller once and converts the result.

pub(crate) mod grpc;
pub(crate) mod http;
