//! Statements that are given a list of rows, a parameter for each of their columns.

use sqlx::error::BoxDynError;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Encode, Sqlite, SqliteConnection, Type};
use storage::Error;

/// Statements of together at most so many rows go to the database at once.
const SMALL: usize = 64;

/// A statement around a list of rows: `(?,?),(?,?),…`. The parameters have no names, because sqlx asks SQLite for
/// the name of each, and SQLite looks for it from the first on. A list is filled up to the next power of two with its
/// last row again, so that there are few different statements, which stay prepared: to prepare one takes several times
/// as long as to execute it. All of ours do the same with a row that comes twice as with one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    pub(super) before: &'static str,
    pub(super) columns: usize,
    pub(super) after: &'static str,
}

impl Rows {
    /// How many rows a statement takes at most: with 13 columns it has a quarter of the parameters that
    /// SQLite allows.
    pub(super) const MOST: usize = 512;

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

/// Statements on their way to the database's thread, which takes some time to be woken: small ones go together,
/// and while one is executed the next is made.
pub(super) struct Errand<'a> {
    connection: &'a mut SqliteConnection,
    next: Statement,
}

/// One statement or several, with their parameters.
#[derive(Default)]
pub(super) struct Statement {
    text: String,
    parameters: Parameters,
    rows: usize,
}

impl<'a> Errand<'a> {
    /// Nothing yet but for `first`, if that is given.
    pub(super) fn new(connection: &'a mut SqliteConnection, first: Option<&'static str>) -> Self {
        Self { connection, next: Statement::beginning(first) }
    }

    /// Executes `statement` for all of `list`, now or with the next ones. `add` gives the parameters of a row.
    pub(super) async fn execute<T>(
        &mut self,
        statement: Rows,
        list: &[T],
        add: impl Fn(&T, &mut Parameters) -> Result<(), BoxDynError>,
    ) -> Result<(), sqlx::Error> {
        for part in list.chunks(Rows::MOST) {
            if self.next.rows + part.len().next_power_of_two() > SMALL {
                let Self { connection, next } = self;
                let before = std::mem::take(next).execute(connection);
                let (executed, made) =
                    tokio::join!(biased; before, async { next.push(statement, part, &add) });
                executed.and(made)?;
            } else {
                self.next.push(statement, part, &add)?;
            }
        }
        Ok(())
    }

    /// Executes what has not been executed yet, and `last`, if that is given.
    pub(super) async fn finish(mut self, last: Option<&'static str>) -> Result<(), sqlx::Error> {
        if let Some(last) = last {
            self.next.push_alone(last);
        }
        self.next.execute(self.connection).await
    }
}

/// Asks `asked` and then `statement` for all of `list`, of which `add` gives the parameters of a row. What they find, a
/// text each and one for each part of the list, goes to `take`.
pub(super) async fn fetch<T>(
    connection: &mut SqliteConnection,
    mut asked: Statement,
    statement: Rows,
    list: &[T],
    add: impl Fn(&T, &mut Parameters) -> Result<(), BoxDynError>,
    mut take: impl FnMut(String) -> Result<(), Error>,
) -> Result<(), Error> {
    let (mut parts, mut found) = (list.chunks(Rows::MOST), Vec::new());
    if let Some(part) = parts.next() {
        asked.push(statement, part, &add)?;
    }
    while !asked.text.is_empty() {
        let mut next = Statement::default();
        // While the database looks for this, what it has found before is read, and what comes next is made.
        let (now, done) = tokio::join!(biased; asked.fetch(connection), async {
            std::mem::take(&mut found).into_iter().try_for_each(&mut take)?;
            if let Some(part) = parts.next() {
                next.push(statement, part, &add)?;
            }
            Ok::<_, Error>(())
        });
        found = now?;
        done?;
        asked = next;
    }
    found.into_iter().try_for_each(take)
}

impl Statement {
    /// Nothing yet but for `first`, if that is given.
    pub(super) fn beginning(first: Option<&'static str>) -> Self {
        Self { text: first.unwrap_or_default().to_owned(), ..Self::default() }
    }

    /// Adds a statement of one parameter.
    pub(super) fn push_with<'v, T: Encode<'v, Sqlite> + Type<Sqlite>>(
        &mut self,
        statement: &str,
        parameter: T,
    ) -> Result<(), sqlx::Error> {
        self.push_alone(statement);
        self.parameters.add(parameter).map_err(sqlx::Error::Encode)
    }

    fn push<T>(
        &mut self,
        statement: Rows,
        part: &[T],
        add: impl Fn(&T, &mut Parameters) -> Result<(), BoxDynError>,
    ) -> Result<(), sqlx::Error> {
        let (Some(last), count) = (part.last(), part.len().next_power_of_two()) else { return Ok(()) };
        self.push_alone(&statement.text(count));
        self.rows += count;
        let mut rows = part.iter().chain(std::iter::repeat(last)).take(count);
        rows.try_for_each(|row| add(row, &mut self.parameters)).map_err(sqlx::Error::Encode)
    }

    fn push_alone(&mut self, statement: &str) {
        if !self.text.is_empty() {
            self.text.push(';');
        }
        self.text.push_str(statement);
    }

    async fn execute(self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        if !self.text.is_empty() {
            sqlx::query_with(AssertSqlSafe(self.text), self.parameters.0).execute(connection).await?;
        }
        Ok(())
    }

    async fn fetch(self, connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
        sqlx::query_scalar_with(AssertSqlSafe(self.text), self.parameters.0).fetch_all(connection).await
    }
}
