//! Statements that are given a list of rows, a parameter for each of their columns.

use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite};
use std::sync::OnceLock;

/// A statement with its parameters.
pub(super) type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

/// A statement around a list of rows: `(?,?),(?,?),…`. The parameters have no names, because sqlx asks SQLite for
/// the name of each, and SQLite looks for it from the first on.
#[derive(Debug)]
pub(super) struct Rows {
    before: &'static str,
    columns: usize,
    after: &'static str,
    /// The statement of a full list, which stays prepared.
    full: OnceLock<String>,
}

impl Rows {
    /// How many rows a statement takes at most: with 14 columns it has less than half of the parameters that
    /// SQLite allows.
    pub(super) const MOST: usize = 1_000;

    pub(super) const fn new(before: &'static str, columns: usize, after: &'static str) -> Self {
        Self { before, columns, after, full: OnceLock::new() }
    }

    /// The statement of `count` rows, to be given the columns of the first row, then those of the second and so on.
    pub(super) fn query(&'static self, count: usize) -> Query<'static> {
        if count == Self::MOST {
            return sqlx::query(self.full.get_or_init(|| self.text(count)).as_str());
        }
        sqlx::query(AssertSqlSafe(self.text(count))).persistent(false)
    }

    fn text(&self, count: usize) -> String {
        let row = format!("({})", vec!["?"; self.columns].join(","));
        [self.before, &vec![row; count].join(","), self.after].concat()
    }
}
