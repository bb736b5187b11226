//! Rejected lines: counted, the first of them printed, and optionally written to a file.

use crate::progress::Progress;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// The number of rejected lines that are printed.
const NAMED: u64 = 20;

/// Collects rejected lines.
pub(crate) struct Rejects {
    file: Option<BufWriter<File>>,
    count: u64,
    failure: Option<io::Error>,
    progress: Progress,
}

impl Rejects {
    /// Creates the file at `path`, if given.
    pub(crate) fn open(path: Option<&Path>, progress: Progress) -> io::Result<Self> {
        let file = path.map(File::create).transpose()?.map(BufWriter::new);
        Ok(Self { file, count: 0, failure: None, progress })
    }

    /// Returns the number of rejected lines.
    pub(crate) const fn counted(&self) -> u64 {
        self.count
    }

    /// Counts a line without printing or writing it.
    pub(crate) const fn count(&mut self) {
        self.count += 1;
    }

    /// Counts and writes a line, and prints the reason.
    pub(crate) fn add(&mut self, line: u64, bytes: &[u8], reason: &str) {
        self.name(&format_args!("line {line}"), reason);
        self.keep(bytes);
    }

    /// Counts what is at `place`, and prints the reason.
    pub(crate) fn name(&mut self, place: &dyn Display, reason: &str) {
        self.count += 1;
        if self.count <= NAMED {
            self.progress.say(&format!("{place}: {reason}"));
        }
        if self.count == NAMED {
            self.progress.say("further rejections are counted, but not listed");
        }
    }

    /// Writes bytes to the file: a rejected line, or the header that makes such lines a valid file. An
    /// element on several lines becomes one line.
    pub(crate) fn keep(&mut self, bytes: &[u8]) {
        let Some(file) = &mut self.file else { return };
        let mut written = Ok(());
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (text, end): (_, &[u8]) = match piece.split_last() {
                Some((b'\n' | b'\r', text)) => (text, b" "),
                _ => (piece, b""),
            };
            written = written.and_then(|()| file.write_all(text)).and_then(|()| file.write_all(end));
        }
        if let Err(error) = written.and_then(|()| file.write_all(b"\n")) {
            self.failure.get_or_insert(error);
        }
    }

    /// Returns true if writing to the file has failed.
    pub(crate) const fn failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Flushes the file; returns the first write error.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        match (self.failure.take(), &mut self.file) {
            (Some(error), _) => Err(error),
            (None, Some(file)) => file.flush(),
            (None, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Aim;

    #[test]
    fn file_has_one_line_per_rejection() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejects");
        let mut rejects = Rejects::open(Some(&path), Progress::new(Aim::default())).unwrap();
        rejects.keep(b"header");
        rejects.add(3, b"{\n \"a\":1}", "of no use");
        rejects.finish().unwrap();
        assert_eq!(rejects.counted(), 1);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "header\n{  \"a\":1}\n");
    }
}
