//! Metadata records as JSON.

#[cfg(feature = "openapi")]
use super::schema;
use super::whole;
use crate::check::{self, MetadataFields};
use fault::Invalid;
use model::search::Found;
use serde::{Deserialize, Serialize};

/// A movie's metadata, the JSON to which [`model::Metadata`] serializes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// 1 to 128 bytes, no control characters.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::RecordId))]
    pub id: String,
    /// 1 to 512 bytes, no control characters.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Title))]
    pub title: String,
    /// At most 16 KiB; may be empty.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Description))]
    pub description: String,
    /// At most 512 bytes; may be empty.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Director))]
    pub director: String,
    /// 1800 to 3000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = schema::ReleaseYear))]
    pub release_year: Option<i64>,
    /// At most 32, each 1 to 64 bytes.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<schema::Genre>, max_items = 32))]
    pub genres: Vec<String>,
    /// The database's change counter when this record was stored.
    pub revision: u64,
}

impl TryFrom<Metadata> for model::Metadata {
    type Error = Invalid;

    fn try_from(from: Metadata) -> Result<Self, Invalid> {
        check::metadata(MetadataFields {
            id: Some(from.id),
            title: Some(from.title),
            description: from.description,
            director: from.director,
            release_year: from.release_year,
            genres: from.genres,
            revision: from.revision,
        })
    }
}

/// Metadata to store. It replaces an existing record as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutMetadata {
    /// 1 to 128 bytes, no control characters. Must equal the id in the path, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::RecordId>))]
    pub id: Option<String>,
    /// 1 to 512 bytes, no control characters.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Title, required))]
    pub title: Option<String>,
    /// At most 16 KiB; defaults to empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Description>))]
    pub description: Option<String>,
    /// At most 512 bytes; defaults to empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Director>))]
    pub director: Option<String>,
    /// 1800 to 3000.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "whole::optional")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::ReleaseYear>))]
    pub release_year: Option<i64>,
    /// At most 32, each 1 to 64 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<schema::Genre>>, max_items = 32))]
    pub genres: Option<Vec<String>>,
}

impl PutMetadata {
    /// Returns the metadata to store under the path's `id`.
    pub fn under(self, id: model::RecordId) -> Result<model::Metadata, Invalid> {
        if self.id.as_deref().is_some_and(|own| own != id.as_str()) {
            return Err(Invalid::field("id", "must equal the id in the path"));
        }
        Self { id: Some(id.as_str().into()), ..self }.try_into()
    }
}

impl TryFrom<PutMetadata> for model::Metadata {
    type Error = Invalid;

    fn try_from(from: PutMetadata) -> Result<Self, Invalid> {
        check::metadata(MetadataFields {
            id: from.id,
            title: from.title,
            description: from.description.unwrap_or_default(),
            director: from.director.unwrap_or_default(),
            release_year: from.release_year,
            genres: from.genres.unwrap_or_default(),
            revision: 0,
        })
    }
}

/// Metadata records to store: all or none are stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BatchPutMetadata {
    /// 1 to 500 records without duplicate ids.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<schema::BatchedMetadata>, min_items = 1, max_items = 500))]
    pub metadata: Vec<PutMetadata>,
}

impl BatchPutMetadata {
    /// Returns the records to store: 1 to 500.
    pub fn records(self) -> Result<Vec<model::Metadata>, Invalid> {
        check::metadata_batch(self.metadata)
    }
}

/// A page or a batch of metadata records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct MetadataList<M = Metadata> {
    /// The records, in the order of the list or of the requested ids.
    #[cfg_attr(feature = "openapi", schema(max_items = 500))]
    pub metadata: Vec<M>,
    /// The token of the next page; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = schema::PageToken))]
    pub next_page_token: Option<String>,
    /// The query that the list matches, if the one in the request matches nothing and has been corrected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub corrected: Option<String>,
}

impl<T: Into<M>, M> From<Vec<T>> for MetadataList<M> {
    fn from(from: Vec<T>) -> Self {
        Self { metadata: from.into_iter().map(Into::into).collect(), next_page_token: None, corrected: None }
    }
}

impl<T: Into<M>, M> From<model::page::Page<T>> for MetadataList<M> {
    fn from(from: model::page::Page<T>) -> Self {
        Self { next_page_token: from.next, ..from.items.into() }
    }
}

impl<T: Into<M>, M> From<Found<T>> for MetadataList<M> {
    fn from(from: Found<T>) -> Self {
        Self { corrected: from.corrected, ..from.page.into() }
    }
}

impl TryFrom<MetadataList> for Found<model::Metadata> {
    type Error = Invalid;

    fn try_from(from: MetadataList) -> Result<Self, Invalid> {
        let page = model::page::Page { items: check::rows(from.metadata)?, next: from.next_page_token };
        Ok(Self { page, corrected: from.corrected })
    }
}
