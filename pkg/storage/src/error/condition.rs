//! The only table of the databases' error codes and their meaning.

/// The meaning of an error code for the failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// The disk is full.
    Full,
    /// The server, or the file, is currently read-only.
    ReadOnly,
    /// The user lacks a permission.
    Denied,
    /// A table is missing.
    Unmigrated,
    /// A value is rejected.
    Rejected,
    /// Concurrent transactions conflict: the same one may succeed immediately.
    Conflict,
    /// Another transaction holds a lock for too long.
    Locked,
    /// The server, its disk or the connection is at fault: the same statement may succeed later, on a new connection.
    Passing,
    /// Any other, permanent error.
    Permanent,
}

impl Condition {
    /// Classifies an SQLSTATE; `https://www.postgresql.org/docs/current/errcodes-appendix.html` lists them.
    pub(super) fn of_postgres(state: &str) -> Self {
        match state {
            "53100" => return Self::Full,
            "25006" => return Self::ReadOnly,
            // A role without the right to use a schema gets the second.
            "42501" | "3F000" => return Self::Denied,
            "42P01" => return Self::Unmigrated,
            "55P03" => return Self::Locked,
            // A prepared statement, a cursor or the database is gone, for example after a pooler's reset or a
            // restore.
            "26000" | "34000" | "3D000" => return Self::Passing,
            _ => {}
        }
        match state.get(..2).unwrap_or_default() {
            "22" | "23" => Self::Rejected,
            "40" => Self::Conflict,
            // Connection exceptions; transaction states, which a new connection resets, with the timeouts of
            // transactions among them; a role that is rejected, for example while a password is changed; resources
            // exhausted; objects in use; operators' interventions, which include the timeouts of statements and
            // sessions; errors of the operating system.
            "08" | "25" | "28" | "53" | "55" | "57" | "58" => Self::Passing,
            _ => Self::Permanent,
        }
    }

    /// Classifies a SQLite code, whose low byte is its kind; `https://sqlite.org/rescode.html` lists them.
    pub(super) fn of_sqlite(code: u32, message: &str) -> Self {
        match code & 0xff {
            1 if message.starts_with("no such table") => Self::Unmigrated,
            5 | 6 => Self::Locked,
            8 => Self::ReadOnly,
            13 => Self::Full,
            // Too big, a constraint, a mismatch of types, a parameter out of range.
            18 | 19 | 20 | 25 => Self::Rejected,
            // Aborted, out of memory, interrupted, an I/O error, a file that can't be opened, a locking protocol.
            4 | 7 | 9 | 10 | 14 | 15 => Self::Passing,
            _ => Self::Permanent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sqlite_code_has_its_condition() {
        use Condition::*;
        let kinds = [
            // Error, internal, permission, abort, busy, locked, out of memory, read-only.
            (1, Permanent),
            (2, Permanent),
            (3, Permanent),
            (4, Passing),
            (5, Locked),
            (6, Locked),
            (7, Passing),
            (8, ReadOnly),
            // Interrupt, I/O error, corrupt, not found, full, can't open, protocol, empty, schema.
            (9, Passing),
            (10, Passing),
            (11, Permanent),
            (12, Permanent),
            (13, Full),
            (14, Passing),
            (15, Passing),
            (16, Permanent),
            (17, Permanent),
            // Too big, constraint, mismatch, misuse, no large files, authorization, format, range, no database.
            (18, Rejected),
            (19, Rejected),
            (20, Rejected),
            (21, Permanent),
            (22, Permanent),
            (23, Permanent),
            (24, Permanent),
            (25, Rejected),
            (26, Permanent),
        ];
        for (kind, condition) in kinds {
            for extended in 0..36 {
                assert_eq!(Condition::of_sqlite(kind | extended << 8, ""), condition, "{kind} {extended}");
            }
        }
        assert_eq!(Condition::of_sqlite(1, "no such table: film"), Unmigrated);
    }
}
