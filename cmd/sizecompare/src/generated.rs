//! What `generate` makes of the schemas whose code doesn't mind where it stands.

/// Thrift's structs.
#[expect(missing_docs, clippy::expect_used, reason = "generated code")]
#[rustfmt::skip]
pub mod records_thrift;
