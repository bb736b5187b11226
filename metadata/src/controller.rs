//! The service's calls: their rules, independent of protocol and store.

use crate::batch::Put;
use crate::repository::Repository;
use crate::writer::Writer;
use fault::{Fault, Invalid, Kind, Violation};
use model::page::{self, Page, Scope};
use model::search::{self, Found, Index, MAX_MISSPELT, Query, Rank};
use model::{Metadata, RecordId, check_batch};
use std::collections::HashSet;
use std::sync::Arc;

const LIST: Scope<'_> = Scope(&["metadata"]);

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No record has this id.
    #[error("no metadata with id {0:?}")]
    NotFound(String),
    /// The request breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The store failed.
    #[error("the metadata store failed")]
    Storage(#[from] storage::Error),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound(_) => Kind::NotFound,
            Self::Invalid(invalid) => invalid.kind(),
            Self::Storage(error) => error.kind(),
        }
    }

    fn violations(&self) -> &[Violation] {
        match self {
            Self::Invalid(invalid) => invalid.violations(),
            Self::NotFound(_) | Self::Storage(_) => &[],
        }
    }
}

/// The service's calls. Clones share the store.
#[derive(Clone)]
pub struct Controller {
    repository: Arc<dyn Repository>,
    writer: Arc<Writer>,
}

impl Controller {
    /// Creates a controller that reads from `repository` and writes to it through `writer`.
    #[must_use]
    pub fn new(repository: Arc<dyn Repository>, writer: Arc<Writer>) -> Self {
        Self { repository, writer }
    }

    /// Returns the metadata of `id`.
    pub async fn get(&self, id: &RecordId) -> Result<Arc<Metadata>, Error> {
        self.repository.get(id).await?.ok_or_else(|| Error::NotFound(id.to_string()))
    }

    /// Returns the metadata of at most 500 distinct ids, in their order; missing ones are omitted.
    pub async fn batch_get(&self, ids: &[RecordId]) -> Result<Vec<Arc<Metadata>>, Error> {
        check_batch(ids.len()).map_err(|broken| broken.at("ids"))?;
        Ok(self.repository.batch_get(ids).await?)
    }

    /// Stores `metadata`, replacing the record with its id; its revision is ignored.
    pub async fn put(&self, metadata: Metadata) -> Result<Put, Error> {
        let put = self.writer.batch_put(vec![metadata]).await?.into_iter().next();
        Ok(put.ok_or_else(|| storage::Error::row("metadata", "a put has no outcome"))?)
    }

    /// Stores all of `batch` or nothing: 1 to 500 records with distinct ids. Returns one entry per record, in
    /// their order.
    pub async fn batch_put(&self, batch: Vec<Metadata>) -> Result<Vec<Put>, Error> {
        check_batch(batch.len()).map_err(|broken| broken.at("metadata"))?;
        if batch.is_empty() {
            return Err(Invalid::field("metadata", "must not be empty").into());
        }
        let mut seen = HashSet::with_capacity(batch.len());
        let duplicates = batch.iter().enumerate().filter(|(_, put)| !seen.insert(&put.id));
        let violation = |(i, put): (usize, &Metadata)| {
            Violation::new(format!("metadata[{i}].id"), format!("duplicate id {:?}", put.id.as_str()))
        };
        if let Some(invalid) = Invalid::of(duplicates.map(violation).collect()) {
            return Err(invalid.into());
        }
        Ok(self.writer.batch_put(batch).await?)
    }

    /// Deletes the metadata of `id`.
    pub async fn delete(&self, id: &RecordId) -> Result<(), Error> {
        if self.writer.delete(id.clone()).await? { Ok(()) } else { Err(Error::NotFound(id.to_string())) }
    }

    /// Lists all metadata by id.
    pub async fn list(&self, request: &page::Request) -> Result<Page<Arc<Metadata>>, Error> {
        let rejected = |broken: model::Broken| broken.at("page_token");
        let after: Option<String> = LIST.after(request).map_err(rejected)?;
        let after = after.map(RecordId::new).transpose().map_err(rejected)?;
        let rows = self.repository.list(after.as_ref(), request.size.get() + 1).await?;
        Ok(Page::of(rows, request.size, &LIST, |row| row.id.clone()).map_err(rejected)?)
    }

    /// Finds the metadata in whose titles each word of `query` is a prefix of a word, best match first. Lists all if
    /// `query` is empty. If it matches nothing, its typos are corrected.
    pub async fn search(&self, query: &str, request: &page::Request) -> Result<Found<Arc<Metadata>>, Error> {
        let query = Query::new(query).map_err(|broken| broken.at("query"))?;
        if query.is_empty() {
            return Ok(self.list(request).await?.into());
        }
        let rejected = |broken: model::Broken| broken.at("page_token");
        // The token of a corrected query contains the correction, so that all pages are of the same query.
        let corrected_scope = Scope(&["metadata", query.text(), "corrected"]);
        if let Some((corrected, after)) =
            request.token.as_ref().and_then(|_| corrected_scope.after::<(String, Rank)>(request).ok()?)
        {
            return self.search_corrected(&corrected_scope, corrected, Some(after), request).await;
        }
        let scope = Scope(&["metadata", query.text()]);
        let after: Option<Rank> = scope.after(request).map_err(rejected)?;
        let rows = self.repository.search(&query, after.as_ref(), request.size.get() + 1).await?;
        if rows.is_empty()
            && after.is_none()
            && let Some(corrected) = self.correct(&query).await?
        {
            return self.search_corrected(&corrected_scope, corrected, None, request).await;
        }
        let page = Page::of(rows, request.size, &scope, |(_, rank)| rank.clone()).map_err(rejected)?;
        Ok(page.map(|(metadata, _)| metadata).into())
    }

    /// Returns a page of the matches of `corrected`, or no correction if there are none.
    async fn search_corrected(
        &self,
        scope: &Scope<'_>,
        corrected: String,
        after: Option<Rank>,
        request: &page::Request,
    ) -> Result<Found<Arc<Metadata>>, Error> {
        let rejected = |broken: model::Broken| broken.at("page_token");
        let query = Query::new(&corrected).map_err(rejected)?;
        let rows = self.repository.search(&query, after.as_ref(), request.size.get() + 1).await?;
        let is_corrected = after.is_some() || !rows.is_empty();
        let key = |(_, rank): &(_, Rank)| (corrected.clone(), rank.clone());
        let page = Page::of(rows, request.size, scope, key).map_err(rejected)?;
        Ok(Found { page: page.map(|(metadata, _)| metadata), corrected: is_corrected.then_some(corrected) })
    }

    /// Returns `query` with its typos corrected to the words of the title that matches best, if there is one.
    async fn correct(&self, query: &Query) -> Result<Option<String>, Error> {
        let words = query.words().iter().map(|word| word.text().to_owned()).enumerate();
        let misspelt: Vec<_> = words.filter(|(_, word)| search::is_correctable(word)).collect();
        if misspelt.is_empty() || misspelt.len() > MAX_MISSPELT {
            return Ok(None);
        }
        let mut meant = query.clone();
        let mut is_known = false;
        for (place, word) in misspelt {
            let similar = self.repository.similar_words(&word).await?;
            is_known |= !similar.is_empty();
            meant = meant.with_alternatives(place, similar);
        }
        if !is_known {
            return Ok(None);
        }
        let best = self.repository.search(&meant, None, 1).await?;
        let corrected =
            best.first().and_then(|(best, _)| search::correction(query, &Index::of(best.title.as_str())));
        Ok(corrected.filter(|corrected| Query::new(corrected).is_ok()))
    }

    /// Checks that the store can be read and that writes make progress.
    pub async fn ready(&self) -> Result<(), Error> {
        self.writer.check()?;
        Ok(self.repository.ready().await?)
    }
}

#[cfg(test)]
mod tests;
