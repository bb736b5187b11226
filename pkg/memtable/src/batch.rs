//! Statements with lists of rows, of which several go to SQLite's thread as one command.

use sqlx::error::BoxDynError;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Encode, Sqlite, Type};
use storage::Error;
use storage::sqlite::Connection;

/// Statements of together at most so many rows go to SQLite's thread as one command.
const SMALL: usize = 64;

/// How many rows a statement takes at most: with 13 columns it has a quarter of the parameters that SQLite allows.
const MOST: usize = 512;

/// A statement around a list of rows, `(?,?),(?,?),…`. The parameters have no names, because sqlx asks SQLite for each
/// name, and SQLite searches for it from the first parameter on. A list is filled up to the next power of two with its last
/// row, so that there are few different statements, which stay prepared: preparing one takes several times as long as
/// executing it. So a statement must do the same for a row that occurs twice as for one.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'s> {
    /// The text before the list.
    pub before: &'s str,
    /// How many parameters a row has.
    pub columns: usize,
    /// The text after the list.
    pub after: &'s str,
}

impl Rows<'_> {
    fn text(&self, count: usize) -> String {
        let row = format!("({})", vec!["?"; self.columns].join(","));
        let more = format!(",{row}").repeat(count - 1);
        [self.before, &row, &more, self.after].concat()
    }
}

/// The parameters of a statement's rows, one after the other.
#[derive(Debug, Default)]
pub struct Parameters(SqliteArguments);

impl Parameters {
    /// Appends a parameter.
    pub fn add<'v, T: Encode<'v, Sqlite> + Type<Sqlite>>(&mut self, value: T) -> Result<(), BoxDynError> {
        sqlx::Arguments::add(&mut self.0, value)
    }
}

/// One or several statements with their parameters: the next command.
#[derive(Debug, Default)]
pub(crate) struct Command {
    text: String,
    parameters: Parameters,
    rows: usize,
}

impl Command {
    /// Appends a statement without parameters.
    pub(crate) fn push(&mut self, statement: &str) {
        if !self.text.is_empty() {
            self.text.push(';');
        }
        self.text.push_str(statement);
    }

    fn push_rows<T>(
        &mut self,
        statement: Rows<'_>,
        part: &[T],
        add: impl Fn(&T, &mut Parameters) -> Result<(), BoxDynError>,
    ) -> Result<(), sqlx::Error> {
        let (Some(last), count) = (part.last(), part.len().next_power_of_two()) else { return Ok(()) };
        self.push(&statement.text(count));
        self.rows += count;
        let mut rows = part.iter().chain(std::iter::repeat(last)).take(count);
        rows.try_for_each(|row| add(row, &mut self.parameters)).map_err(sqlx::Error::Encode)
    }

    /// Executes the statements, if there are any.
    pub(crate) async fn execute(self, connection: &mut Connection) -> Result<(), sqlx::Error> {
        if !self.text.is_empty() {
            sqlx::query_with(AssertSqlSafe(self.text), self.parameters.0).execute(connection).await?;
        }
        Ok(())
    }

    async fn fetch(self, connection: &mut Connection) -> Result<Vec<String>, sqlx::Error> {
        sqlx::query_scalar_with(AssertSqlSafe(self.text), self.parameters.0).fetch_all(connection).await
    }
}

/// Statements on their way to SQLite's thread, which takes some time to wake up: small statements are sent together, and
/// while one command is executed the next is built.
#[derive(Debug)]
pub struct StatementBatch<'a> {
    connection: &'a mut Connection,
    next: &'a mut Command,
}

impl<'a> StatementBatch<'a> {
    pub(crate) const fn new(connection: &'a mut Connection, next: &'a mut Command) -> Self {
        Self { connection, next }
    }

    /// Executes `statement` for all of `list`, now or with the next command. `add` appends the parameters of a row.
    pub async fn execute<T>(
        &mut self,
        statement: Rows<'_>,
        list: &[T],
        add: impl Fn(&T, &mut Parameters) -> Result<(), BoxDynError>,
    ) -> Result<(), sqlx::Error> {
        for part in list.chunks(MOST) {
            if self.next.rows + part.len().next_power_of_two() > SMALL {
                let Self { connection, next } = self;
                let before = std::mem::take(*next).execute(connection);
                let build = async { next.push_rows(statement, part, &add) };
                let (executed, built) = tokio::join!(biased; before, build);
                executed.and(built)?;
            } else {
                self.next.push_rows(statement, part, &add)?;
            }
        }
        Ok(())
    }

    /// Queues a statement of one parameter. The texts that it returns go to the next [`fetch`](Self::fetch).
    pub fn queue<'v, T: Encode<'v, Sqlite> + Type<Sqlite>>(
        &mut self,
        statement: &str,
        parameter: T,
    ) -> Result<(), sqlx::Error> {
        self.next.push(statement);
        self.next.parameters.add(parameter).map_err(sqlx::Error::Encode)
    }

    /// Executes what is queued and then `statement` for all of `list`, of which `add` appends the parameters of a row.
    /// Each text that they return is passed to `take`, in their order.
    pub async fn fetch<T>(
        self,
        statement: Rows<'_>,
        list: &[T],
        add: impl Fn(&T, &mut Parameters) -> Result<(), BoxDynError>,
        mut take: impl FnMut(String) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (mut parts, mut found) = (list.chunks(MOST), Vec::new());
        let mut command = std::mem::take(self.next);
        if let Some(part) = parts.next() {
            command.push_rows(statement, part, &add)?;
        }
        while !command.text.is_empty() {
            let mut next = Command::default();
            // While SQLite executes this command, the results of the one before are read and the next is built.
            let (now, done) = tokio::join!(biased; command.fetch(self.connection), async {
                std::mem::take(&mut found).into_iter().try_for_each(&mut take)?;
                if let Some(part) = parts.next() {
                    next.push_rows(statement, part, &add)?;
                }
                Ok::<_, Error>(())
            });
            found = now?;
            done?;
            command = next;
        }
        found.into_iter().try_for_each(take)
    }
}
