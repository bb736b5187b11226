//! Rows of a MovieLens folder that can't be read: they are counted and skipped, and the first are kept to be printed.

use super::source::Error;
use std::fmt;

/// The number of rows that are printed.
const SHOWN: usize = 20;

/// The rows that were skipped.
#[derive(Debug, Default)]
pub struct Skipped {
    /// Their number.
    pub count: u64,
    first: Vec<String>,
}

impl Skipped {
    /// Returns the row, or `None` if only it can't be read, which is recorded.
    pub(super) fn usable<T>(&mut self, row: Result<T, Error>) -> Option<Result<T, Error>> {
        match row {
            Err(error @ Error::Row { .. }) => {
                self.count += 1;
                if self.first.len() < SHOWN {
                    self.first.push(error.to_string());
                }
                None
            }
            row => Some(row),
        }
    }

    /// Returns these rows and then those of another file.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.count += other.count;
        self.first.extend(other.first);
        self.first.truncate(SHOWN);
        self
    }
}

/// The first rows, one per line with file, line and reason, and the number of the others.
impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first.join("\n"))?;
        match self.count - self.first.len() as u64 {
            0 => Ok(()),
            others => write!(f, "\n… and {others} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(file: &'static str, line: u64) -> Result<(), Error> {
        Err(Error::Row { file, line, reason: "is not UTF-8".to_owned() })
    }

    #[test]
    fn first_rows_are_shown_and_all_are_counted() {
        let (mut movies, mut ratings) = (Skipped::default(), Skipped::default());
        assert!(movies.usable(Ok(())).is_some_and(|row| row.is_ok()));
        assert_eq!(movies.count, 0);
        for line in 2..5 {
            assert!(movies.usable(row("movies.csv", line)).is_none());
        }
        for line in 2..32 {
            assert!(ratings.usable(row("ratings.csv", line)).is_none());
        }
        let skipped = movies.and(ratings);
        assert_eq!(skipped.count, 33);
        let shown = skipped.to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 21);
        assert_eq!(
            (lines[0], lines[3]),
            ("movies.csv, line 2: is not UTF-8", "ratings.csv, line 2: is not UTF-8")
        );
        assert_eq!(lines[20], "… and 13 more");
    }

    #[test]
    fn error_of_file_ends_loading() {
        let reason = "can't be read".to_owned();
        let error = Error::Folder { folder: "x".into(), file: "ratings.csv", reason };
        let mut skipped = Skipped::default();
        assert!(skipped.usable(Err::<(), _>(error)).is_some_and(|row| row.is_err()));
        assert_eq!(skipped.count, 0);
    }
}
