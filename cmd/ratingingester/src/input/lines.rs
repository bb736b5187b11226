//! The lines of an input; blank ones are skipped.

use super::unit::{LIMIT, Unit};
use std::io::{self, BufRead, Read};

/// The lines of an input.
pub(crate) struct Lines<R> {
    input: R,
    line: u64,
    position: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// Reads `input`, whose first line has the number `line`.
    pub(super) const fn new(input: R, line: u64) -> Self {
        Self { input, line, position: 0, buffer: Vec::new() }
    }

    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Unit<'_>>> {
        loop {
            self.buffer.clear();
            let limit = LIMIT as u64 + 1;
            let read = (&mut self.input).take(limit).read_until(b'\n', &mut self.buffer)?;
            if read == 0 {
                return Ok(None);
            }
            self.position += read as u64;
            let ended = self.buffer.pop_if(|last| *last == b'\n').is_some();
            let broken = if !ended && self.buffer.len() > LIMIT {
                self.position += self.input.skip_until(b'\n')? as u64;
                Some("longer than 1 MiB")
            } else {
                None
            };
            let line = self.line;
            self.line += 1;
            if !self.buffer.trim_ascii().is_empty() {
                return Ok(Some(Unit { line, bytes: self.buffer.trim_ascii_end(), broken }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_and_blank_ones_skipped() {
        let mut lines = Lines::new("a\r\n\n  \nb".as_bytes(), 1);
        assert_eq!(lines.next().unwrap(), Some(Unit { line: 1, bytes: b"a", broken: None }));
        assert_eq!(lines.next().unwrap(), Some(Unit { line: 4, bytes: b"b", broken: None }));
        assert_eq!(lines.next().unwrap(), None);
        assert_eq!(lines.position(), 8);
    }

    #[test]
    fn line_over_limit_is_truncated_and_next_is_complete() {
        let input = [vec![b'x'; 3 * LIMIT], b"\nnext\n".to_vec()].concat();
        let mut lines = Lines::new(&*input, 1);
        let long = lines.next().unwrap().unwrap();
        assert_eq!((long.line, long.bytes.len()), (1, LIMIT + 1));
        assert!(long.broken.is_some());
        assert_eq!(lines.next().unwrap(), Some(Unit { line: 2, bytes: b"next", broken: None }));
        assert_eq!(lines.position(), input.len() as u64);
    }

    #[test]
    fn line_of_exactly_the_limit_is_complete() {
        let input = [vec![b'x'; LIMIT], b"\n".to_vec()].concat();
        assert_eq!(Lines::new(&*input, 1).next().unwrap().unwrap().broken, None);
    }
}
