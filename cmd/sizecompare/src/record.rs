//! What is compared: the records as every format that needs no generated code takes them.
//!
//! In text and in formats with names absent optional fields are left out. Whole numbers are signed, as Thrift
//! and Avro know no others. The numbers of the fields are those of `schemas/records.proto`.

use prost::Message;
use serde::{Deserialize, Serialize};

/// The classic record: four texts. It goes by the name of what grew of it.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename = "Metadata")]
pub struct Classic {
    /// The movie's id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Its title.
    #[prost(string, tag = "2")]
    pub title: String,
    /// What it is about.
    #[prost(string, tag = "3")]
    pub description: String,
    /// Who directed it.
    #[prost(string, tag = "4")]
    pub director: String,
}

/// A movie's metadata: the classic record and what was added to it since.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The movie's id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Its title.
    #[prost(string, tag = "2")]
    pub title: String,
    /// What it is about.
    #[prost(string, tag = "3")]
    pub description: String,
    /// Who directed it.
    #[prost(string, tag = "4")]
    pub director: String,
    /// The year, where it is known.
    #[prost(int32, optional, tag = "10")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_year: Option<i32>,
    /// Its genres.
    #[prost(string, repeated, tag = "11")]
    #[serde(default)]
    pub genres: Vec<String>,
    /// Which change of the database this state is.
    #[prost(int64, tag = "12")]
    #[serde(default)]
    pub revision: i64,
}

/// What the ratings of a movie come to.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Aggregate {
    /// How many ratings there are.
    #[prost(int64, tag = "3")]
    pub count: i64,
    /// The sum of their values.
    #[prost(int64, tag = "4")]
    pub sum: i64,
    /// Their mean.
    #[prost(double, tag = "5")]
    pub mean: f64,
    /// The mean, drawn towards a prior mean as far as ratings are few.
    #[prost(double, tag = "6")]
    pub weighted_mean: f64,
    /// How many ratings there are of each value, that of value 1 first.
    #[prost(int64, repeated, tag = "7")]
    #[serde(default)]
    pub histogram: Vec<i64>,
    /// Grows with every change of the aggregate.
    #[prost(int64, tag = "8")]
    pub revision: i64,
}

/// A movie's metadata with what its ratings come to.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
pub struct Movie {
    /// What is known about the movie.
    #[prost(message, required, tag = "2")]
    pub metadata: Metadata,
    /// What its ratings come to; absent where there is none.
    #[prost(message, optional, tag = "10")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<Aggregate>,
    /// The parts that could not be fetched.
    #[prost(string, repeated, tag = "11")]
    #[serde(default)]
    pub partial: Vec<String>,
}

/// Movies, one page or a batch of them.
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
    /// Who rates.
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
    /// Where the rating came from, where that is known.
    #[prost(string, optional, tag = "5")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    /// Milliseconds since 1970 in UTC.
    #[prost(int64, tag = "6")]
    pub rated_at: i64,
}
