//! The key cache, and the proof that its keys are those of the database.
//!
//! A database may lose its last transactions while this instance runs (a promoted standby, a restored backup, a
//! crash). It then allocates keys that are cached here to other names. The table `key_history` lists a random token
//! for each of the last transactions that allocated keys. They update its one row, so each commits after the one
//! whose token precedes its own: if a token is listed, every key allocated up to it exists. Each batch verifies, in
//! its own transaction, that the token up to which this instance has cached keys is listed; otherwise the cache is
//! discarded and the batch is retried. Tokens of other instances extend the same history and invalidate nothing.

use crate::repository::sql::{KeyCache, NewKeys};
use std::sync::{Mutex, PoisonError};
use storage::postgres::{Lease, Transaction};

/// Adds token `$1`; returns it if token `$2` is listed too.
const EXTEND: &str = "INSERT INTO key_history AS history (one, tokens) VALUES (1, ARRAY[$1::bigint]) \
     ON CONFLICT (one) DO UPDATE SET tokens = (excluded.tokens || history.tokens)[1:100] \
     RETURNING CASE WHEN $2 = ANY(tokens) THEN tokens[1] END";
/// Returns the newest token if token `$1` is listed.
const NEWEST: &str = "SELECT tokens[1] FROM key_history WHERE $1 = ANY(tokens)";

/// The keys read in one history of the database.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The cached keys.
    pub(super) cache: KeyCache,
    /// Locked by the lane that allocates keys.
    pub(super) allocating: tokio::sync::Mutex<()>,
    /// Every cached key was allocated at this token or before. `None` if no key is cached.
    token: Mutex<Option<i64>>,
}

impl History {
    /// Returns the token that proves every key taken from the cache before this call.
    pub(super) fn token(&self) -> Option<i64> {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the token `from` by `newest`, which was listed together with it, unless another lane has already
    /// replaced it.
    pub(super) fn follow(&self, from: Option<i64>, newest: i64) {
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if *token == from {
            *token = Some(newest);
        }
    }

    /// Returns a token that can prove the keys read next; adds one if no key is cached.
    pub(super) async fn begin(&self, connection: &mut Lease) -> Result<i64, sqlx::Error> {
        if let Some(token) = self.token() {
            return Ok(token);
        }
        let token: i64 = rand::random();
        sqlx::query(EXTEND).bind(token).bind(token).execute(connection).await?;
        self.follow(None, token);
        Ok(token)
    }

    /// Caches keys that are committed and proved by `newest`. The caller must hold the lock `allocating`.
    pub(super) fn insert(&self, new: NewKeys, newest: i64) {
        // The token first: a lane may find a key as soon as it is cached.
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(newest);
        self.cache.insert(new);
    }
}

/// Returns a token that proves all keys that the transaction has allocated or found; `None` if `token`, which was
/// listed before it began, is no longer listed. If the transaction has `allocated` keys, adds a token, and thereby
/// waits for all other transactions that allocate keys.
pub(super) async fn prove(
    transaction: &mut Transaction<'_>,
    token: i64,
    allocated: bool,
) -> Result<Option<i64>, sqlx::Error> {
    if allocated {
        let next: i64 = rand::random();
        return sqlx::query_scalar(EXTEND).bind(next).bind(token).fetch_one(transaction).await;
    }
    sqlx::query_scalar(NEWEST).bind(token).fetch_optional(transaction).await
}
