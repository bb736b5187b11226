//! The formats that need more than a derived trait: schemas, generated code, or types of their own.

pub mod avro;
pub mod capnp;
pub mod postcard;
pub mod thrift;
