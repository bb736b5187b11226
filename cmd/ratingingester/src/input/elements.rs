//! The elements of a JSON array, separated by brackets and strings without parsing, so that an
//! invalid element affects no other.

use super::unit::{LIMIT, Unit};
use std::io::{self, BufRead};

/// The elements of an array.
pub(crate) struct Elements<R> {
    input: R,
    line: u64,
    position: u64,
    buffer: Vec<u8>,
    place: Place,
}

/// The reader's state within the array.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    First,
    Within,
    After,
    End,
}

/// The reader's state within an element.
#[derive(Default)]
struct Nesting {
    depth: usize,
    string: bool,
    escape: bool,
}

impl Nesting {
    /// Processes one byte; returns true if it ends the element.
    fn ends_at(&mut self, byte: u8) -> bool {
        if self.string {
            self.string = self.escape || byte != b'"';
            self.escape = !self.escape && byte == b'\\';
            return false;
        }
        match byte {
            b'"' => self.string = true,
            b'[' | b'{' => self.depth += 1,
            b']' | b',' if self.depth == 0 => return true,
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        false
    }
}

impl<R: BufRead> Elements<R> {
    /// Reads `input`, whose first line has the number `line`.
    pub(super) const fn new(input: R, line: u64) -> Self {
        Self { input, line, position: 0, buffer: Vec::new(), place: Place::Before }
    }

    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Unit<'_>>> {
        self.buffer.clear();
        match (self.place, self.peek()?) {
            (Place::Before, Some(b'[')) => {
                self.skip();
                self.place = Place::First;
                if self.peek()? == Some(b']') {
                    self.skip();
                    self.place = Place::After;
                }
                self.next()
            }
            (Place::Before | Place::After, Some(_)) => {
                let broken =
                    if self.place == Place::Before { "not a JSON array" } else { "after the array's end" };
                self.place = Place::End;
                let line = self.line;
                let rest = self.input.fill_buf()?;
                let shown = rest.len().min(256);
                self.buffer.extend_from_slice(&rest[..shown]);
                Ok(Some(Unit { line, bytes: &self.buffer, broken: Some(broken) }))
            }
            (Place::Before | Place::After, None) | (Place::End, _) => Ok(None),
            (Place::First | Place::Within, _) => self.element().map(Some),
        }
    }

    fn element(&mut self) -> io::Result<Unit<'_>> {
        self.place = Place::Within;
        let line = self.line;
        let (mut nesting, mut broken) = (Nesting::default(), None);
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                self.place = Place::End;
                broken = Some("the input ends inside the array");
                break;
            }
            let end = chunk.iter().position(|&byte| nesting.ends_at(byte));
            let taken = &chunk[..end.unwrap_or(chunk.len())];
            self.line += taken.iter().filter(|&&byte| byte == b'\n').count() as u64;
            let room = LIMIT - self.buffer.len();
            if taken.len() > room {
                broken = Some("longer than 1 MiB");
            }
            self.buffer.extend_from_slice(&taken[..taken.len().min(room)]);
            let read = taken.len();
            if end.is_some_and(|end| chunk[end] == b']') {
                self.place = Place::After;
            }
            let consumed = read + usize::from(end.is_some());
            self.input.consume(consumed);
            self.position += consumed as u64;
            if end.is_some() {
                break;
            }
        }
        Ok(Unit { line, bytes: self.buffer.trim_ascii_end(), broken })
    }

    /// Returns the next byte that is not white space, without consuming it.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.input.fill_buf()?.first().copied() {
                Some(byte) if byte.is_ascii_whitespace() => {
                    self.line += u64::from(byte == b'\n');
                    self.skip();
                }
                next => return Ok(next),
            }
        }
    }

    fn skip(&mut self) {
        self.input.consume(1);
        self.position += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn all(input: &str) -> Vec<(u64, String, bool)> {
        let mut elements = Elements::new(BufReader::with_capacity(3, input.as_bytes()), 1);
        let mut found = Vec::new();
        while let Some(unit) = elements.next().unwrap() {
            found.push((unit.line, String::from_utf8_lossy(unit.bytes).into_owned(), unit.broken.is_some()));
        }
        found
    }

    fn whole(line: u64, text: &str) -> (u64, String, bool) {
        (line, text.to_owned(), false)
    }

    #[test]
    fn elements_are_separated_at_their_commas_only() {
        assert_eq!(
            all("[\n {\"a\": \"],\\\"}\"},\n [1, [2]], 3\n]\n"),
            [whole(2, "{\"a\": \"],\\\"}\"}"), whole(3, "[1, [2]]"), whole(3, "3")]
        );
        assert_eq!(all(" [ ] "), []);
        assert_eq!(all(""), []);
    }

    #[test]
    fn invalid_element_does_not_affect_next() {
        assert_eq!(all("[x},,\"y\"]"), [whole(1, "x}"), whole(1, ""), whole(1, "\"y\"")]);
    }

    #[test]
    fn unterminated_array_is_reported() {
        assert_eq!(all("[1, {\"a\""), [whole(1, "1"), (1, "{\"a\"".to_owned(), true)]);
        assert_eq!(all("[1] 2"), [whole(1, "1"), (1, "2".to_owned(), true)]);
        assert!(all("x")[0].2);
    }

    #[test]
    fn element_over_limit_is_truncated_and_next_is_complete() {
        let input = format!("[\"{}\",7]", "x".repeat(2 * LIMIT));
        let found = all(&input);
        assert_eq!((found[0].1.len(), found[0].2), (LIMIT, true));
        assert_eq!(found[1], whole(1, "7"));
    }
}
