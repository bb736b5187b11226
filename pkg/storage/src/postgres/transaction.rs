//! A transaction whose statements are spans of a sampled request.

use crate::statement::{executor, step};
use sqlx::Postgres;

/// A transaction. It is rolled back if it is dropped without a commit.
#[derive(Debug)]
pub struct Transaction<'c>(sqlx::Transaction<'c, Postgres>);

executor!(&'c mut Transaction<'_>, Postgres, |this| &mut *this.0);

impl<'c> From<sqlx::Transaction<'c, Postgres>> for Transaction<'c> {
    fn from(transaction: sqlx::Transaction<'c, Postgres>) -> Self {
        Self(transaction)
    }
}

impl Transaction<'_> {
    /// Sends `rows` for `statement`, a `COPY … FROM STDIN`.
    ///
    /// # Errors
    ///
    /// If the server rejects one of them.
    pub async fn copy_in(&mut self, statement: &'static str, rows: Vec<u8>) -> Result<(), sqlx::Error> {
        let copy = async {
            let mut copy = self.0.copy_in_raw(statement).await?;
            copy.send(rows).await?;
            copy.finish().await
        };
        step::<Postgres, _>(statement, copy).await.map(|_| ())
    }

    /// Commits the transaction.
    ///
    /// # Errors
    ///
    /// If nothing is committed, or the connection is lost: then the result is unknown.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        step::<Postgres, _>("COMMIT", self.0.commit()).await
    }

    /// Rolls the transaction back.
    ///
    /// # Errors
    ///
    /// If the connection is lost.
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        step::<Postgres, _>("ROLLBACK", self.0.rollback()).await
    }
}
