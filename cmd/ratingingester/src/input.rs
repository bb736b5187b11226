//! The input, cut into units: lines, or the elements of a JSON array. A unit has a limit, so that no input
//! takes more than a bounded amount of memory.

mod elements;
mod lines;

use crate::config::Format;
use elements::Elements;
use lines::Lines;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// The longest unit that is read whole, in bytes.
const LIMIT: usize = 1 << 20;

const BUFFER: usize = 256 * 1024;

/// Where the input comes from.
pub(crate) struct Source {
    reader: Box<dyn BufRead + Send>,
    /// The file's length in bytes, where it has one.
    pub(crate) length: Option<u64>,
}

/// A piece of the input that holds one event, or a CSV file's header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unit<'a> {
    /// The line that it begins on, counted from 1.
    pub(crate) line: u64,
    /// Its bytes, without the end of the line; cut where it is longer than the limit.
    pub(crate) bytes: &'a [u8],
    /// Why it can't be an event whatever its bytes are.
    pub(crate) broken: Option<&'static str>,
}

/// The units of an input, one after the other.
pub(crate) enum Units<R> {
    /// Each line is one.
    Lines(Lines<R>),
    /// Each element of an array is one.
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

    /// Finds out the format, where it isn't told, and cuts the input by it.
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
    /// Reads on to the next unit; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Unit<'_>>> {
        match self {
            Self::Lines(lines) => lines.next(),
            Self::Elements(elements) => elements.next(),
        }
    }

    /// How many bytes of the input have been read.
    pub(crate) const fn position(&self) -> u64 {
        match self {
            Self::Lines(lines) => lines.position(),
            Self::Elements(elements) => elements.position(),
        }
    }
}

/// Tells whether `path` stands for standard input.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Skips a byte order mark and white space; returns the number of the line that follows them.
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

/// The format by the extension, else by the first character.
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
    fn the_extension_decides_and_else_the_first_character() {
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
    fn blank_beginnings_count_as_lines() {
        let mut input = "\u{feff}\r\n \n[".as_bytes();
        assert_eq!(skip_blank(&mut input).unwrap(), 3);
        assert_eq!(input, b"[");
    }
}
