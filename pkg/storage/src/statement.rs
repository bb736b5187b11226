//! The spans of statements. An executor of this crate starts one for each statement of a sampled request, as a child of
//! the current span; for any other statement it does nothing.

mod summary;

use futures::future::{self, BoxFuture};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use sqlx::error::BoxDynError;
use sqlx::{Database, Either, Execute, Executor, SqlStr};
use trace::{Span, SpanKind};

/// What a query returns, one after the other.
pub(crate) type Step<DB> = Either<<DB as Database>::QueryResult, <DB as Database>::Row>;

/// Implements `Executor` for a type whose inner executor is the last argument.
macro_rules! executor {
    ($executor:ty, $database:ty, |$this:ident| $inner:expr) => {
        impl<'c> sqlx::Executor<'c> for $executor {
            type Database = $database;

            fn fetch_many<'e, 'q: 'e, E>(
                self,
                query: E,
            ) -> futures::stream::BoxStream<'e, Result<$crate::statement::Step<$database>, sqlx::Error>>
            where
                'c: 'e,
                E: 'q + sqlx::Execute<'q, $database>,
            {
                let $this = self;
                $crate::statement::fetch_many($inner, query)
            }

            fn fetch_optional<'e, 'q: 'e, E>(
                self,
                query: E,
            ) -> futures::future::BoxFuture<
                'e,
                Result<Option<<$database as sqlx::Database>::Row>, sqlx::Error>,
            >
            where
                'c: 'e,
                E: 'q + sqlx::Execute<'q, $database>,
            {
                let $this = self;
                $crate::statement::fetch_optional($inner, query)
            }

            fn prepare_with<'e>(
                self,
                sql: sqlx::SqlStr,
                parameters: &'e [<$database as sqlx::Database>::TypeInfo],
            ) -> futures::future::BoxFuture<
                'e,
                Result<<$database as sqlx::Database>::Statement, sqlx::Error>,
            >
            where
                'c: 'e,
            {
                let $this = self;
                sqlx::Executor::prepare_with($inner, sql, parameters)
            }
        }
    };
}
pub(crate) use executor;

/// Executes `query` as `executor` does.
pub(crate) fn fetch_many<'c: 'e, 'e, 'q: 'e, X, E>(
    executor: X,
    query: E,
) -> BoxStream<'e, Result<Step<X::Database>, sqlx::Error>>
where
    X: Executor<'c>,
    E: 'q + Execute<'q, X::Database>,
{
    let span = trace::span("SQL", SpanKind::Client);
    if !span.is_recording() {
        return executor.fetch_many(query);
    }
    match Described::of::<E>(query, &span) {
        // The span ends with the stream.
        Ok(query) => executor.fetch_many(query).inspect_err(move |error| failed(&span, error)).boxed(),
        Err(error) => stream::once(future::ready(Err(error))).boxed(),
    }
}

/// Executes `query` as `executor` does.
pub(crate) fn fetch_optional<'c: 'e, 'e, 'q: 'e, X, E>(
    executor: X,
    query: E,
) -> BoxFuture<'e, Result<Option<<X::Database as Database>::Row>, sqlx::Error>>
where
    X: Executor<'c>,
    E: 'q + Execute<'q, X::Database>,
{
    let span = trace::span("SQL", SpanKind::Client);
    if !span.is_recording() {
        return executor.fetch_optional(query);
    }
    match Described::of::<E>(query, &span) {
        Ok(query) => {
            let row = executor.fetch_optional(query);
            Box::pin(async move { row.await.inspect_err(|error| failed(&span, error)) })
        }
        Err(error) => Box::pin(future::ready(Err(error))),
    }
}

/// Runs `step` of a transaction or of `COPY`, which is no query, as the statement `sql`.
pub(crate) async fn step<DB: Database, T>(
    sql: &'static str,
    step: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let span = trace::span("SQL", SpanKind::Client);
    if span.is_recording() {
        describe::<DB>(sql, &span);
    }
    step.await.inspect_err(|error| failed(&span, error))
}

/// A query whose span has been described: reading a query's text consumes it.
struct Described<DB: Database> {
    sql: SqlStr,
    arguments: Option<DB::Arguments>,
    persistent: bool,
}

impl<DB: Database> Described<DB> {
    fn of<'q, E: Execute<'q, DB>>(mut query: E, span: &Span) -> Result<Self, sqlx::Error> {
        let arguments = query.take_arguments().map_err(sqlx::Error::Encode)?;
        let persistent = query.persistent();
        let sql = query.sql();
        describe::<DB>(sql.as_str(), span);
        Ok(Self { sql, arguments, persistent })
    }
}

impl<DB: Database> Execute<'_, DB> for Described<DB> {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&DB::Statement> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<DB::Arguments>, BoxDynError> {
        Ok(self.arguments.take())
    }

    fn persistent(&self) -> bool {
        self.persistent
    }
}

/// Describes `sql` by OpenTelemetry's semantic conventions for databases, without its text.
fn describe<DB: Database>(sql: &str, span: &Span) {
    let summary = summary::of(sql);
    span.set("db.system.name", DB::NAME.to_ascii_lowercase());
    span.set("db.operation.name", summary.operation);
    if let Some(collection) = summary.collection {
        span.set("db.collection.name", collection);
    }
    if summary.statements > 1 {
        span.set("db.operation.batch.size", i64::try_from(summary.statements).unwrap_or(i64::MAX));
    }
    span.set("db.query.summary", summary.text.clone());
    span.rename(|| summary.text);
}

fn failed(span: &Span, error: &sqlx::Error) {
    let code = error.as_database_error().and_then(|error| error.code());
    span.set("error.type", code.map_or_else(|| "connection".to_owned(), |code| code.into_owned()));
    span.fail("");
}
