//! The input, split into units: lines, or elements of a JSON array. Units have a maximum size, so that the
//! memory is bounded for any input.

mod elements;
mod lines;
mod unit;

pub(crate) use unit::Unit;

use crate::config::Format;
use elements::Elements;
use lines::Lines;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

const BUFFER: usize = 256 * 1024;

/// The source of the input.
pub(crate) struct Source {
    reader: Box<dyn BufRead + Send>,
    /// The file's length in bytes, if known.
    pub(crate) length: Option<u64>,
}

/// The units of an input.
pub(crate) enum Units<R> {
    /// Each line is a unit.
    Lines(Lines<R>),
    /// Each element of an array is a unit.
    Elements(Elements<R>),
}

impl Source {
    /// Opens `path`, or standard input for `-`.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if is_standard_input(path) {
            return Ok(Self {
                reader: Box::new(BufReader::with_capacity(BUFFER, io::stdin())),
                length: None,
            });
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        Ok(Self {
            length: metadata.is_file().then_some(metadata.len()),
            reader: Box::new(BufReader::with_capacity(BUFFER, file)),
        })
    }

    /// Detects the format if it is not given, and splits the input accordingly.
    pub(crate) fn units(
        self,
        path: &Path,
        format: Option<Format>,
    ) -> io::Result<(Format, Units<Box<dyn BufRead + Send>>)> {
        let mut reader = self.reader;
        let line = skip_blank(&mut reader)?;
        let format = match format {
            Some(format) => format,
            None => detect(path, reader.fill_buf()?.first().copied()),
        };
        let units = match format {
            Format::Json => Units::Elements(Elements::new(reader, line)),
            Format::Jsonl | Format::Csv => Units::Lines(Lines::new(reader, line)),
        };
        Ok((format, units))
    }
}

impl<R: BufRead> Units<R> {
    /// Reads the next unit; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Unit<'_>>> {
        match self {
            Self::Lines(lines) => lines.next(),
            Self::Elements(elements) => elements.next(),
        }
    }

    /// Returns the number of bytes read.
    pub(crate) const fn position(&self) -> u64 {
        match self {
            Self::Lines(lines) => lines.position(),
            Self::Elements(elements) => elements.position(),
        }
    }
}

/// Returns true if `path` means standard input.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Skips a byte order mark and white space; returns the line number of what follows.
fn skip_blank(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut line = 1;
    if reader.fill_buf()?.starts_with("\u{feff}".as_bytes()) {
        reader.consume(3);
    }
    loop {
        match reader.fill_buf()?.first() {
            Some(b'\n') => line += 1,
            Some(c) if c.is_ascii_whitespace() => {}
            _ => return Ok(line),
        }
        reader.consume(1);
    }
}

/// Returns the format by the extension, otherwise by the first character.
fn detect(path: &Path, first: Option<u8>) -> Format {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    match (extension.as_str(), first) {
        ("csv", _) => Format::Csv,
        ("jsonl" | "ndjson", _) => Format::Jsonl,
        (_, Some(b'[')) => Format::Json,
        ("json", _) | (_, Some(b'{')) => Format::Jsonl,
        _ => Format::Csv,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extension_selects_format_otherwise_first_character() {
        for (path, first, format) in [
            ("a.csv", b'{', Format::Csv),
            ("a.ndjson", b'[', Format::Jsonl),
            ("a.json", b'[', Format::Json),
            ("a.json", b'{', Format::Jsonl),
            ("-", b'[', Format::Json),
            ("-", b'{', Format::Jsonl),
            ("ratings.dat", b'u', Format::Csv),
        ] {
            assert_eq!(detect(Path::new(path), Some(first)), format, "{path}");
        }
    }

    #[test]
    fn leading_blank_lines_are_counted() {
        let mut input = "\u{feff}\r\n \n[".as_bytes();
        assert_eq!(skip_blank(&mut input).unwrap(), 3);
        assert_eq!(input, b"[");
    }
}
