//! Statements that are given a list of rows, a parameter for each of their columns.

use sqlx::error::BoxDynError;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Encode, Sqlite, SqliteConnection, Type};

/// Up to so many rows a list is filled up to the next power of two with its last row again, so that there are few
/// different statements, which stay prepared. All of ours do the same with a row that comes twice as with one.
const SMALL: usize = 64;

/// A statement around a list of rows: `(?,?),(?,?),…`. The parameters have no names, because sqlx asks SQLite for
/// the name of each, and SQLite looks for it from the first on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    pub(super) before: &'static str,
    pub(super) columns: usize,
    pub(super) after: &'static str,
}

impl Rows {
    /// How many rows a statement takes at most: with 14 columns it has less than half of the parameters that
    /// SQLite allows.
    pub(super) const MOST: usize = 1_000;

    fn text(&self, count: usize) -> String {
        let row = format!("({})", vec!["?"; self.columns].join(","));
        let more = format!(",{row}").repeat(count - 1);
        [self.before, &row, &more, self.after].concat()
    }
}

/// The parameters of a statement's rows, one after the other.
#[derive(Debug, Default)]
pub(super) struct Parameters(SqliteArguments);

impl Parameters {
    /// Adds the next one.
    pub(super) fn add<'v, T: Encode<'v, Sqlite> + Type<Sqlite>>(
        &mut self,
        value: T,
    ) -> Result<(), BoxDynError> {
        sqlx::Arguments::add(&mut self.0, value)
    }
}

/// Statements on their way to the database's thread, which takes some time to be woken: small ones go together.
pub(super) struct Errand<'a> {
    connection: &'a mut SqliteConnection,
    text: String,
    parameters: Parameters,
    rows: usize,
}

impl<'a> Errand<'a> {
    pub(super) fn new(connection: &'a mut SqliteConnection) -> Self {
        Self { connection, text: String::new(), parameters: Parameters::default(), rows: 0 }
    }

    /// Executes `statement` for all of `list`, now or with the next ones. `add` gives the parameters of a row.
    pub(super) async fn execute<T>(
        &mut self,
        statement: Rows,
        list: &[T],
        add: impl Fn(&T, &mut Parameters) -> Result<(), BoxDynError>,
    ) -> Result<(), sqlx::Error> {
        for part in list.chunks(Rows::MOST) {
            if self.rows + padded(part.len()) > SMALL {
                self.finish().await?;
            }
            self.push(statement, part, &add)?;
        }
        Ok(())
    }

    /// Executes what has not been executed yet.
    pub(super) async fn finish(&mut self) -> Result<(), sqlx::Error> {
        if self.rows > 0 {
            self.query().execute(&mut *self.connection).await?;
        }
        Ok(())
    }

    /// Returns the rows that `statement` finds for a part of a list, at most [`Rows::MOST`] long.
    pub(super) async fn fetch<T>(
        &mut self,
        statement: Rows,
        part: &[T],
        add: impl Fn(&T, &mut Parameters) -> Result<(), BoxDynError>,
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        self.push(statement, part, &add)?;
        self.query().fetch_all(&mut *self.connection).await
    }

    fn push<T>(
        &mut self,
        statement: Rows,
        part: &[T],
        add: impl Fn(&T, &mut Parameters) -> Result<(), BoxDynError>,
    ) -> Result<(), sqlx::Error> {
        let (Some(last), count) = (part.last(), padded(part.len())) else { return Ok(()) };
        if self.rows > 0 {
            self.text.push(';');
        }
        self.text.push_str(&statement.text(count));
        self.rows += count;
        let mut rows = part.iter().chain(std::iter::repeat(last)).take(count);
        rows.try_for_each(|row| add(row, &mut self.parameters)).map_err(sqlx::Error::Encode)
    }

    /// Takes what has been pushed, and leaves nothing.
    fn query(&mut self) -> Query<'static, Sqlite, SqliteArguments> {
        let rows = std::mem::take(&mut self.rows);
        let (text, parameters) = (std::mem::take(&mut self.text), std::mem::take(&mut self.parameters));
        let stays_prepared = rows <= SMALL || rows == Rows::MOST;
        sqlx::query_with(AssertSqlSafe(text), parameters.0).persistent(stays_prepared)
    }
}

fn padded(rows: usize) -> usize {
    if rows > SMALL { rows } else { rows.next_power_of_two() }
}
