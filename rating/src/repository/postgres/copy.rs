//! Rows in the binary format of `COPY`, as documented by PostgreSQL: a signature, flags and
//! the length of an extension; for each row the number of its columns, and for each of these its length and its bytes;
//! at the end -1. Numbers are big-endian, 32 bits but for the counts of columns, which have 16.

/// Rows as `COPY … FROM STDIN (FORMAT binary)` takes them.
pub(super) struct Rows(Vec<u8>);

impl Rows {
    /// Returns the header, without rows.
    pub(super) fn new() -> Self {
        Self([b"PGCOPY\n\xff\r\n\0".as_slice(), &[0; 8]].concat())
    }

    /// Adds a row; `None` is a null.
    pub(super) fn push<const COLUMNS: usize>(&mut self, columns: [Option<&[u8]>; COLUMNS]) {
        self.0.extend_from_slice(&(COLUMNS as u16).to_be_bytes());
        for column in columns {
            // No stored value comes near 2 GiB.
            let length = column.map_or(-1, |bytes| i32::try_from(bytes.len()).unwrap_or(i32::MAX));
            self.0.extend_from_slice(&length.to_be_bytes());
            self.0.extend_from_slice(column.unwrap_or_default());
        }
    }

    /// Returns all rows in the format.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&(-1_i16).to_be_bytes());
        self.0
    }
}
