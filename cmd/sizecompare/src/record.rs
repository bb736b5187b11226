//! The compared records, as used by every format that needs no generated code.
//!
//! In text formats and formats with names, absent optional fields are omitted. Whole numbers are signed, because
//! Thrift and Avro have no others. The field numbers are those of `schemas/records.proto`.

use prost::Message;
use serde::{Deserialize, Serialize};

/// The classic record: four texts. It is named like its later version.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename = "Metadata")]
pub struct Classic {
    /// The movie's id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Its title.
    #[prost(string, tag = "2")]
    pub title: String,
    /// Its description.
    #[prost(string, tag = "3")]
    pub description: String,
    /// Its director.
    #[prost(string, tag = "4")]
    pub director: String,
}

/// A movie's metadata: the classic record and the fields added to it later.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The movie's id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Its title.
    #[prost(string, tag = "2")]
    pub title: String,
    /// Its description.
    #[prost(string, tag = "3")]
    pub description: String,
    /// Its director.
    #[prost(string, tag = "4")]
    pub director: String,
    /// The release year, if known.
    #[prost(int32, optional, tag = "10")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_year: Option<i32>,
    /// Its genres.
    #[prost(string, repeated, tag = "11")]
    #[serde(default)]
    pub genres: Vec<String>,
    /// The database's change counter when this record was stored.
    #[prost(int64, tag = "12")]
    #[serde(default)]
    pub revision: i64,
}

/// The aggregate of a movie's ratings.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Aggregate {
    /// The number of ratings.
    #[prost(int64, tag = "3")]
    pub count: i64,
    /// The sum of the values.
    #[prost(int64, tag = "4")]
    pub sum: i64,
    /// The mean of the values.
    #[prost(double, tag = "5")]
    pub mean: f64,
    /// The Bayesian weighted mean.
    #[prost(double, tag = "6")]
    pub weighted_mean: f64,
    /// The number of ratings per value, value 1 first.
    #[prost(int64, repeated, tag = "7")]
    #[serde(default)]
    pub histogram: Vec<i64>,
    /// Increases with every change of the aggregate.
    #[prost(int64, tag = "8")]
    pub revision: i64,
}

/// A movie's metadata with its aggregated ratings.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
pub struct Movie {
    /// The movie's metadata.
    #[prost(message, required, tag = "2")]
    pub metadata: Metadata,
    /// The aggregate; absent without ratings.
    #[prost(message, optional, tag = "10")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<Aggregate>,
    /// The parts that could not be fetched.
    #[prost(string, repeated, tag = "11")]
    #[serde(default)]
    pub partial: Vec<String>,
}

/// A page or a batch of movies.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
pub struct Movies {
    /// The movies.
    #[prost(message, repeated, tag = "1")]
    #[serde(default)]
    pub movies: Vec<Movie>,
}

/// One user's rating of one record, as an event.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rating {
    /// The user's id.
    #[prost(string, tag = "1")]
    pub user_id: String,
    /// The record's id.
    #[prost(string, tag = "2")]
    pub record_id: String,
    /// The record's type.
    #[prost(string, tag = "3")]
    pub record_type: String,
    /// 1 to 10.
    #[prost(int32, tag = "4")]
    pub value: i32,
    /// The source of the rating, if known.
    #[prost(string, optional, tag = "5")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    /// Milliseconds since 1970 in UTC.
    #[prost(int64, tag = "6")]
    pub rated_at: i64,
}
