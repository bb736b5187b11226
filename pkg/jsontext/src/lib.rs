//! Decoding of JSON from outside: bodies, events, files, and the responses of other programs.
//!
//! Adds rules that serde_json and derived `Deserialize` implementations lack: an object is never given as an array
//! ([`Objects`]), a byte order mark before the text is skipped, and other encodings are reported as such ([`text`]).

mod objects;
mod text;

pub use objects::Objects;
pub use text::{MARK, NotUtf8, text};

use serde::Deserialize;
use serde::de::Error as _;

/// Decodes a whole JSON text, which may begin with a byte order mark.
pub fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> serde_json::Result<T> {
    from_str(text(bytes).map_err(serde_json::Error::custom)?)
}

/// Decodes a whole JSON text without a byte order mark.
pub fn from_str<'de, T: Deserialize<'de>>(text: &'de str) -> serde_json::Result<T> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = T::deserialize(Objects::new(&mut deserializer))?;
    deserializer.end()?;
    Ok(value)
}
