//! The formats that want more than a derived trait: schemas, generated code, or a shape of their own.

pub mod avro;
pub mod capnp;
pub mod postcard;
pub mod thrift;
