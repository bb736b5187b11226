//! A CSV file with a header, read line by line: a row that can't be read affects no other.

use crate::row::{self, SEPARATORS};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

const BUFFER: usize = 1 << 16;
/// The byte order mark that some programs write before the header.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The rows of a file after its header.
#[derive(Debug)]
pub(crate) struct Rows {
    input: BufReader<File>,
    /// The line that is read, counted from 1.
    line: u64,
    buffer: Vec<u8>,
    columns: usize,
    separator: char,
}

impl Rows {
    /// Opens a file whose header must be `columns`, separated by commas, semicolons or tabs.
    pub(crate) fn open(path: &Path, columns: &[&str]) -> Result<Self, String> {
        let unreadable = |error: io::Error| format!("can't be read: {error}");
        let input = BufReader::with_capacity(BUFFER, File::open(path).map_err(unreadable)?);
        let mut rows = Self { input, line: 0, buffer: Vec::new(), columns: columns.len(), separator: ',' };
        rows.read_line().map_err(unreadable)?;
        let header = rows.buffer.strip_prefix(MARK).unwrap_or(&rows.buffer);
        let header = std::str::from_utf8(header).unwrap_or_default();
        let is_header =
            |separator: &char| row::fields(header, *separator).is_ok_and(|fields| fields == columns);
        rows.separator = SEPARATORS
            .into_iter()
            .find(is_header)
            .ok_or_else(|| format!("must have the columns {}", columns.join(",")))?;
        Ok(rows)
    }

    /// Reads the next row, parsed by `parse`; `None` at the end. Blank lines are skipped. The outer error is that of
    /// the file, the inner one that of the row, with its line.
    pub(crate) fn next<T>(
        &mut self,
        parse: impl FnOnce(u64, &[Cow<'_, str>]) -> Result<T, String>,
    ) -> io::Result<Option<Result<T, (u64, String)>>> {
        loop {
            if !self.read_line()? {
                return Ok(None);
            }
            if !self.buffer.trim_ascii().is_empty() {
                let parsed = self.fields().and_then(|fields| parse(self.line, &fields));
                return Ok(Some(parsed.map_err(|reason| (self.line, reason))));
            }
        }
    }

    fn fields(&self) -> Result<Vec<Cow<'_, str>>, String> {
        let row = std::str::from_utf8(&self.buffer).map_err(|_| "is not UTF-8")?;
        let fields = row::fields(row, self.separator)?;
        if fields.len() == self.columns {
            return Ok(fields);
        }
        Err(format!("must have {} columns, not {}", self.columns, fields.len()))
    }

    /// Reads a line without its end; returns false at the end of the file.
    fn read_line(&mut self) -> io::Result<bool> {
        self.buffer.clear();
        let read = self.input.read_until(b'\n', &mut self.buffer)?;
        self.line += 1;
        while self.buffer.pop_if(|last| matches!(last, b'\n' | b'\r')).is_some() {}
        Ok(read > 0)
    }
}
