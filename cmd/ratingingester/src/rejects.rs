//! The lines that were not sent: counted, the first of them named, and kept in a file where that is asked for.

use crate::progress::Progress;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// How many rejected lines are named.
const NAMED: u64 = 20;

/// Receives the rejected lines.
pub(crate) struct Rejects {
    file: Option<BufWriter<File>>,
    count: u64,
    failure: Option<io::Error>,
    progress: Progress,
}

impl Rejects {
    /// Makes the file at `path`, where one is wanted.
    pub(crate) fn open(path: Option<&Path>, progress: Progress) -> io::Result<Self> {
        let file = path.map(File::create).transpose()?.map(BufWriter::new);
        Ok(Self { file, count: 0, failure: None, progress })
    }

    /// How many there are so far.
    pub(crate) const fn counted(&self) -> u64 {
        self.count
    }

    /// Takes a line that is neither named nor kept.
    pub(crate) const fn count(&mut self) {
        self.count += 1;
    }

    /// Takes a line, and says why it was rejected.
    pub(crate) fn add(&mut self, line: u64, bytes: &[u8], reason: &str) {
        self.name(&format_args!("line {line}"), reason);
        self.keep(bytes);
    }

    /// Says why what is at `place` was rejected.
    pub(crate) fn name(&mut self, place: &dyn Display, reason: &str) {
        self.count += 1;
        if self.count <= NAMED {
            self.progress.say(&format!("{place}: {reason}"));
        }
        if self.count == NAMED {
            self.progress.say("further rejections are counted, but not listed");
        }
    }

    /// Writes bytes to the file: a rejected line, or the header that makes such lines a file again. An
    /// element that stood on several lines becomes one.
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

    /// Tells whether the file can't be written.
    pub(crate) const fn failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Writes out what is buffered; returns the first error that writing met with.
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
    fn the_file_holds_a_line_for_each() {
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
