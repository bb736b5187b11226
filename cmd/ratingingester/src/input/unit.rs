//! A unit of the input.

/// The maximum size of a unit, in bytes.
pub(super) const LIMIT: usize = 1 << 20;

/// A part of the input that contains one event, or a CSV file's header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unit<'a> {
    /// The line on which it starts, counted from 1.
    pub(crate) line: u64,
    /// Its bytes, without the line ending; truncated if it is too long.
    pub(crate) bytes: &'a [u8],
    /// Why it can't be an event, whatever its bytes are.
    pub(crate) broken: Option<&'static str>,
}
