//! Ratings, aggregates and rating events as JSON.

#[cfg(feature = "openapi")]
use super::schema;
use super::whole;
use crate::check::{self, AggregateFields, Check, RatingFields, RatingKey};
use fault::Invalid;
use model::{Record, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::borrow::{Borrow, Cow};

/// The aggregate of all ratings of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Aggregate {
    /// The record's type.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::RecordType))]
    pub record_type: String,
    /// The record's id.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::RecordId))]
    pub record_id: String,
    /// The number of ratings; at least 1.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub count: u64,
    /// The sum of the values.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub sum: u64,
    /// The mean of the values, 1 to 10.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Mean))]
    pub mean: f64,
    /// The Bayesian weighted mean: the fewer ratings, the closer to the prior mean.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Mean))]
    pub weighted_mean: f64,
    /// The number of ratings per value: 10 counts, value 1 first.
    #[cfg_attr(feature = "openapi", schema(min_items = 10, max_items = 10))]
    pub histogram: Vec<u64>,
    /// Increases with every change of the aggregate.
    pub revision: u64,
}

impl From<&model::Aggregate> for Aggregate {
    fn from(from: &model::Aggregate) -> Self {
        Self {
            count: from.histogram.count(),
            sum: from.histogram.sum(),
            mean: from.mean(),
            weighted_mean: from.weighted_mean,
            histogram: from.histogram.counts().to_vec(),
            revision: from.revision,
            record_type: from.record.record_type.as_str().into(),
            record_id: from.record.record_id.as_str().into(),
        }
    }
}

impl TryFrom<Aggregate> for model::Aggregate {
    type Error = Invalid;

    fn try_from(from: Aggregate) -> Result<Self, Invalid> {
        check::aggregate(&AggregateFields {
            record_type: &from.record_type,
            record_id: &from.record_id,
            histogram: &from.histogram,
            weighted_mean: from.weighted_mean,
            revision: from.revision,
        })
    }
}

/// A page or a batch of aggregates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AggregateList {
    /// The aggregates, in the order of the list or of the requested ids.
    #[cfg_attr(feature = "openapi", schema(max_items = 500))]
    pub aggregates: Vec<Aggregate>,
    /// The token of the next page; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = schema::PageToken))]
    pub next_page_token: Option<String>,
}

impl<T: Borrow<model::Aggregate>> From<Vec<T>> for AggregateList {
    fn from(from: Vec<T>) -> Self {
        Self { aggregates: from.iter().map(|row| row.borrow().into()).collect(), next_page_token: None }
    }
}

impl<T: Borrow<model::Aggregate>> From<model::page::Page<T>> for AggregateList {
    fn from(from: model::page::Page<T>) -> Self {
        Self { next_page_token: from.next, ..from.items.into() }
    }
}

impl TryFrom<AggregateList> for model::page::Page<model::Aggregate> {
    type Error = Invalid;

    fn try_from(from: AggregateList) -> Result<Self, Invalid> {
        Ok(Self { items: check::rows(from.aggregates)?, next: from.next_page_token })
    }
}

/// One user's rating of one record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Rating {
    /// The record's type.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::RecordType))]
    pub record_type: String,
    /// The record's id.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::RecordId))]
    pub record_id: String,
    /// The user's id.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::UserId))]
    pub user_id: String,
    /// 1 to 10.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::RatingValue))]
    pub value: u8,
    /// The source of the rating, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = schema::ProviderId))]
    pub provider_id: Option<String>,
    /// RFC 3339, in UTC with milliseconds.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Timestamp))]
    pub rated_at: String,
}

impl From<model::Rating> for Rating {
    fn from(from: model::Rating) -> Self {
        Self {
            record_type: from.record.record_type.as_str().into(),
            record_id: from.record.record_id.as_str().into(),
            user_id: from.user_id.as_str().into(),
            value: from.value.get(),
            provider_id: from.provider_id.map(|id| id.as_str().into()),
            rated_at: from.rated_at.to_string(),
        }
    }
}

/// A page of a user's ratings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RatingList {
    /// The ratings, newest first.
    #[cfg_attr(feature = "openapi", schema(max_items = 500))]
    pub ratings: Vec<Rating>,
    /// The token of the next page; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = schema::PageToken))]
    pub next_page_token: Option<String>,
}

impl From<model::page::Page<model::Rating>> for RatingList {
    fn from(from: model::page::Page<model::Rating>) -> Self {
        Self { ratings: from.items.into_iter().map(Into::into).collect(), next_page_token: from.next }
    }
}

/// A rating to store. It replaces the user's previous rating of the record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutRating {
    /// A whole number, 1 to 10.
    #[serde(default, deserialize_with = "whole::optional")]
    #[cfg_attr(feature = "openapi", schema(value_type = schema::RatingValue, required))]
    pub value: Option<i64>,
    /// The source of the rating.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::ProviderId>))]
    pub provider_id: Option<String>,
    /// RFC 3339; defaults to the time of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Timestamp>))]
    pub rated_at: Option<String>,
}

impl PutRating {
    /// Returns `user_id`'s rating of `record`; `now` is the default of `ratedAt`.
    pub fn rating(&self, record: Record, user_id: UserId, now: Timestamp) -> Result<model::Rating, Invalid> {
        let mut check = Check::default();
        let fields = RatingFields {
            value_field: "value",
            value: self.value,
            provider_id: self.provider_id.as_deref(),
            rated_at: self.rated_at.as_deref().map(Timestamp::parse),
        };
        let rating = fields.check(&mut check, Some((record, user_id)), now);
        check.finish(rating)
    }
}

/// The type of a rating event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventType {
    /// Creates or replaces the rating.
    #[default]
    Put,
    /// Deletes the rating.
    Delete,
}

/// A put or delete of a rating: the value of a Kafka record. Unknown fields are ignored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RatingEvent<'a> {
    /// The user's id.
    #[serde(borrow)]
    pub user_id: Option<Cow<'a, str>>,
    /// The record's id.
    #[serde(borrow)]
    pub record_id: Option<Cow<'a, str>>,
    /// The record's type.
    #[serde(borrow)]
    pub record_type: Option<Cow<'a, str>>,
    /// A whole number, 1 to 10; not required in a delete.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "whole::optional")]
    pub value: Option<i64>,
    /// The source of the rating.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<Cow<'a, str>>,
    /// Defaults to a put.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<EventType>,
    /// RFC 3339; defaults to the timestamp of the Kafka record.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub rated_at: Option<Cow<'a, str>>,
}

impl RatingEvent<'_> {
    /// Returns the domain event; `now` is the default of `ratedAt`.
    pub fn event(&self, now: Timestamp) -> Result<model::RatingEvent, Invalid> {
        let mut check = Check::default();
        let key = RatingKey {
            user_id: self.user_id.as_deref(),
            record_id: self.record_id.as_deref(),
            record_type: self.record_type.as_deref(),
        };
        let key = key.check(&mut check);
        let event = match self.event_type.unwrap_or_default() {
            EventType::Put => {
                let fields = RatingFields {
                    value_field: "value",
                    value: self.value,
                    provider_id: self.provider_id.as_deref(),
                    rated_at: self.rated_at.as_deref().map(Timestamp::parse),
                };
                fields.check(&mut check, key, now).map(model::RatingEvent::Put)
            }
            EventType::Delete => key.map(|(record, user_id)| model::RatingEvent::Delete { record, user_id }),
        };
        check.finish(event)
    }
}

impl From<&model::RatingEvent> for RatingEvent<'static> {
    fn from(from: &model::RatingEvent) -> Self {
        let owned = |text: &str| Some(Cow::Owned(text.to_owned()));
        let (record, user_id) = match from {
            model::RatingEvent::Put(rating) => (&rating.record, &rating.user_id),
            model::RatingEvent::Delete { record, user_id } => (record, user_id),
        };
        let key = Self {
            user_id: owned(user_id.as_str()),
            record_id: owned(record.record_id.as_str()),
            record_type: owned(record.record_type.as_str()),
            ..Self::default()
        };
        match from {
            model::RatingEvent::Put(rating) => Self {
                value: Some(rating.value.get().into()),
                provider_id: rating.provider_id.as_ref().and_then(|id| owned(id.as_str())),
                rated_at: owned(&rating.rated_at.to_string()),
                ..key
            },
            model::RatingEvent::Delete { .. } => Self { event_type: Some(EventType::Delete), ..key },
        }
    }
}
