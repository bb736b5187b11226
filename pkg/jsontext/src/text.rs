//! The encoding of text from outside: UTF-8, with or without a byte order mark.

use std::str::Utf8Error;

/// The byte order mark that some editors and spreadsheets write before UTF-8.
pub const MARK: &str = "\u{feff}";

/// Text that is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotUtf8 {
    /// It begins with the byte order mark of UTF-16.
    #[error("must be UTF-8, but begins with the byte order mark of UTF-16")]
    Utf16,
    /// It contains bytes that are not UTF-8.
    #[error("must be UTF-8: {0}")]
    Invalid(Utf8Error),
}

/// Returns `bytes` as text, without a byte order mark (RFC 8259, section 8.1).
#[inline]
pub fn text(bytes: &[u8]) -> Result<&str, NotUtf8> {
    let bytes = bytes.strip_prefix(MARK.as_bytes()).unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => NotUtf8::Utf16,
        _ => NotUtf8::Invalid(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_leading_byte_order_mark_is_skipped() {
        assert_eq!(text(b"\xef\xbb\xbf{}"), Ok("{}"));
        assert_eq!(text(b"\xef\xbb\xbf\xef\xbb\xbf{}"), Ok("\u{feff}{}"));
        assert_eq!(text(b"{}\xef\xbb\xbf"), Ok("{}\u{feff}"));
        assert_eq!(text(b"\xef\xbb\xbf"), Ok(""));
    }

    #[test]
    fn other_encoding_is_reported() {
        assert_eq!(text(b"\xff\xfe{\0}\0"), Err(NotUtf8::Utf16));
        assert_eq!(text(b"\xfe\xff\0{\0}"), Err(NotUtf8::Utf16));
        assert!(matches!(text(b"\xef\xbb{}"), Err(NotUtf8::Invalid(_))));
    }
}
