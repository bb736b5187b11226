//! Conversions between protobuf messages and domain types.

use crate::check::{self, AggregateFields, Check, MetadataFields, RatingFields, RatingKey};
use crate::{metadata::v1 as metadata, movie::v1 as movie, rating::v1 as rating};
use fault::Invalid;
use model::page::{self, Page};
use model::search::Found;
use model::{
    Aggregate, Broken, Metadata, MinCount, MovieDetails, Rating, RatingEvent, Record, RecordId, Timestamp,
    UserId,
};

impl From<&Metadata> for metadata::Metadata {
    fn from(from: &Metadata) -> Self {
        Self {
            id: from.id.as_str().into(),
            title: from.title.as_str().into(),
            description: from.description.as_str().into(),
            director: from.director.as_str().into(),
            release_year: from.release_year.map(|year| i32::from(year.get())),
            genres: from.genres.as_slice().to_vec(),
            revision: from.revision,
        }
    }
}

impl TryFrom<metadata::Metadata> for Metadata {
    type Error = Invalid;

    fn try_from(from: metadata::Metadata) -> Result<Self, Invalid> {
        check::metadata(MetadataFields {
            id: Some(from.id),
            title: Some(from.title),
            description: from.description,
            director: from.director,
            release_year: from.release_year.map(i64::from),
            genres: from.genres,
            revision: from.revision,
        })
    }
}

impl TryFrom<metadata::PutMetadataRequest> for Metadata {
    type Error = Invalid;

    fn try_from(from: metadata::PutMetadataRequest) -> Result<Self, Invalid> {
        let metadata = from.metadata.ok_or_else(|| Invalid::field("metadata", "is required"))?;
        metadata.try_into().map_err(|invalid: Invalid| invalid.under("metadata."))
    }
}

impl TryFrom<metadata::BatchGetMetadataResponse> for Vec<Metadata> {
    type Error = Invalid;

    fn try_from(from: metadata::BatchGetMetadataResponse) -> Result<Self, Invalid> {
        check::rows(from.metadata)
    }
}

impl TryFrom<metadata::SearchMetadataResponse> for Found<Metadata> {
    type Error = Invalid;

    fn try_from(from: metadata::SearchMetadataResponse) -> Result<Self, Invalid> {
        let page = Page { items: check::rows(from.metadata)?, next: present(from.next_page_token) };
        Ok(Self { page, corrected: from.corrected })
    }
}

impl From<&Aggregate> for rating::AggregatedRating {
    fn from(from: &Aggregate) -> Self {
        Self {
            count: from.histogram.count(),
            sum: from.histogram.sum(),
            mean: from.mean(),
            weighted_mean: from.weighted_mean,
            histogram: from.histogram.counts().to_vec(),
            revision: from.revision,
            record_id: from.record.record_id.as_str().into(),
            record_type: from.record.record_type.as_str().into(),
        }
    }
}

impl TryFrom<rating::AggregatedRating> for Aggregate {
    type Error = Invalid;

    fn try_from(from: rating::AggregatedRating) -> Result<Self, Invalid> {
        check::aggregate(&AggregateFields {
            record_type: &from.record_type,
            record_id: &from.record_id,
            histogram: &from.histogram,
            weighted_mean: from.weighted_mean,
            revision: from.revision,
        })
    }
}

impl TryFrom<rating::BatchGetAggregatedRatingsResponse> for Vec<Aggregate> {
    type Error = Invalid;

    fn try_from(from: rating::BatchGetAggregatedRatingsResponse) -> Result<Self, Invalid> {
        check::rows(from.aggregates)
    }
}

impl TryFrom<rating::ListTopRatedResponse> for Page<Aggregate> {
    type Error = Invalid;

    fn try_from(from: rating::ListTopRatedResponse) -> Result<Self, Invalid> {
        Ok(Self { items: check::rows(from.aggregates)?, next: present(from.next_page_token) })
    }
}

impl From<&MovieDetails> for movie::MovieDetails {
    fn from(from: &MovieDetails) -> Self {
        Self {
            rating: from.rating.as_ref().map(Aggregate::mean),
            metadata: Some((&from.metadata).into()),
            aggregate: from.rating.as_ref().map(Into::into),
            partial: from.partial.iter().map(|part| part.name().to_owned()).collect(),
        }
    }
}

impl From<Rating> for rating::Rating {
    fn from(from: Rating) -> Self {
        Self {
            user_id: from.user_id.as_str().into(),
            record_id: from.record.record_id.as_str().into(),
            record_type: from.record.record_type.as_str().into(),
            value: i32::from(from.value.get()),
            provider_id: from.provider_id.map(|id| id.as_str().into()).unwrap_or_default(),
            rated_at: from.rated_at.as_millis(),
        }
    }
}

impl rating::PutRatingRequest {
    /// Returns the rating to store; `now` is the default of `rated_at`.
    pub fn rating(&self, now: Timestamp) -> Result<Rating, Invalid> {
        let mut check = Check::default();
        let key = key(&self.user_id, &self.record_id, &self.record_type).check(&mut check);
        let fields = RatingFields {
            value_field: "rating_value",
            value: Some(self.rating_value.into()),
            provider_id: present(self.provider_id.as_str()),
            rated_at: self.rated_at.map(Timestamp::from_millis),
        };
        let rating = fields.check(&mut check, key, now);
        check.finish(rating)
    }
}

impl rating::GetRatingRequest {
    /// Returns the record and user of the requested rating.
    pub fn key(&self) -> Result<(Record, UserId), Invalid> {
        checked_key(&key(&self.user_id, &self.record_id, &self.record_type))
    }
}

impl rating::DeleteRatingRequest {
    /// Returns the record and user of the rating to delete.
    pub fn key(&self) -> Result<(Record, UserId), Invalid> {
        checked_key(&key(&self.user_id, &self.record_id, &self.record_type))
    }
}

impl rating::RatingEvent {
    /// Returns the domain event; `now` is the default of `rated_at`.
    pub fn event(&self, now: Timestamp) -> Result<RatingEvent, Invalid> {
        let mut check = Check::default();
        let key = key(&self.user_id, &self.record_id, &self.record_type).check(&mut check);
        match rating::rating_event::Type::try_from(self.event_type) {
            Ok(rating::rating_event::Type::Unspecified | rating::rating_event::Type::Put) => {
                let fields = RatingFields {
                    value_field: "value",
                    value: Some(self.value.into()),
                    provider_id: present(self.provider_id.as_str()),
                    rated_at: self.rated_at.map(Timestamp::from_millis),
                };
                let rating = fields.check(&mut check, key, now);
                check.finish(rating.map(RatingEvent::Put))
            }
            Ok(rating::rating_event::Type::Delete) => {
                check.finish(key.map(|(record, user_id)| RatingEvent::Delete { record, user_id }))
            }
            Err(_) => {
                check.at("event_type", Err::<(), _>(Broken::new("must be 1 (put) or 2 (delete)")));
                check.finish(None)
            }
        }
    }
}

/// Returns the page that `page_size` and `page_token` request; size 0 selects the default.
pub fn page(size: i32, token: String) -> Result<page::Request, Invalid> {
    let size = match size {
        0 => page::Size::default(),
        size => page::Size::new(size.into()).map_err(|broken| broken.at("page_size"))?,
    };
    Ok(page::Request { size, token: present(token) })
}

/// The maximum size of a page's rows in a message, in bytes. gRPC clients reject messages above 4 MiB unless they are
/// configured otherwise; the rest is for the token and the frame.
const MAX_PAGE: usize = 4 * 1024 * 1024 - 64 * 1024;

/// Returns how many of a page's `rows` fit into a message that every client accepts, at least one, or `None` if all do.
/// The page of that size, read again with the same token, has the token that continues after them.
#[must_use]
pub fn fitting<M: prost::Message>(rows: &[M]) -> Option<page::Size> {
    let mut bytes = 0;
    // Every list has its rows in field 1.
    let fits = rows.iter().position(|row| {
        bytes += prost::encoding::message::encoded_len(1, row);
        bytes > MAX_PAGE
    });
    let count = fits.filter(|_| rows.len() > 1)?.max(1);
    page::Size::new(i64::try_from(count).ok()?).ok()
}

/// Reads a page that fits into a message that every client accepts: `read` returns the rows of a page, and what else
/// belongs to it. If they do not fit, the same page is read again with fewer rows.
pub async fn fitting_page<M, T, E, F>(
    mut page: page::Request,
    read: impl Fn(page::Request) -> F,
) -> Result<(Vec<M>, T), E>
where
    M: prost::Message,
    F: Future<Output = Result<(Vec<M>, T), E>>,
{
    loop {
        let (rows, rest) = read(page.clone()).await?;
        let Some(size) = fitting(&rows) else { return Ok((rows, rest)) };
        page.size = size;
    }
}

/// Returns the checked `min_count`; 0 selects the default.
pub fn min_count(count: i64) -> Result<MinCount, Invalid> {
    match count {
        0 => Ok(MinCount::default()),
        count => MinCount::new(count).map_err(|broken| broken.at("min_count")),
    }
}

/// Checks the ids of a batch, at most 500, in the list `field`. Of duplicates, the first is kept.
pub fn ids(field: &str, ids: Vec<String>) -> Result<Vec<RecordId>, Invalid> {
    check::ids(field, ids)
}

/// Checks the metadata of a batch: 1 to 500 records.
pub fn metadata_batch(request: metadata::BatchPutMetadataRequest) -> Result<Vec<Metadata>, Invalid> {
    check::metadata_batch(request.metadata)
}

fn key<'a>(user_id: &'a str, record_id: &'a str, record_type: &'a str) -> RatingKey<'a> {
    RatingKey { user_id: Some(user_id), record_id: Some(record_id), record_type: Some(record_type) }
}

fn checked_key(key: &RatingKey<'_>) -> Result<(Record, UserId), Invalid> {
    let mut check = Check::default();
    let checked = key.check(&mut check);
    check.finish(checked)
}

/// Returns an optional text field of proto3, in which empty means absent.
fn present<T: AsRef<str>>(text: T) -> Option<T> {
    Some(text).filter(|text| !text.as_ref().is_empty())
}
