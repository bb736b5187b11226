//! Apache Thrift: conversions between records and generated structs, and the two protocols.

use crate::generated::records_thrift as thrift;
use crate::record;
use ::thrift::OrderedFloat;
use ::thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TCompactInputProtocol, TCompactOutputProtocol, TSerializable,
};
use anyhow::Result;

/// A record with a Thrift struct.
pub trait Shape: Clone + From<Self::Generated> {
    /// The generated struct.
    type Generated: From<Self> + TSerializable + 'static;
}

/// Writes the compact protocol.
pub fn encode_compact<T: TSerializable>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    value.write_to_out_protocol(&mut TCompactOutputProtocol::new(&mut bytes))?;
    Ok(bytes)
}

/// Reads the compact protocol.
pub fn decode_compact<T: TSerializable>(bytes: &[u8]) -> Result<T> {
    Ok(T::read_from_in_protocol(&mut TCompactInputProtocol::new(bytes))?)
}

/// Writes the binary protocol.
pub fn encode_binary<T: TSerializable>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    value.write_to_out_protocol(&mut TBinaryOutputProtocol::new(&mut bytes, true))?;
    Ok(bytes)
}

/// Reads the binary protocol.
pub fn decode_binary<T: TSerializable>(bytes: &[u8]) -> Result<T> {
    Ok(T::read_from_in_protocol(&mut TBinaryInputProtocol::new(bytes, true))?)
}

impl Shape for record::Classic {
    type Generated = thrift::Classic;
}

impl From<record::Classic> for thrift::Classic {
    fn from(from: record::Classic) -> Self {
        Self::new(from.id, from.title, from.description, from.director)
    }
}

impl From<thrift::Classic> for record::Classic {
    fn from(from: thrift::Classic) -> Self {
        Self { id: from.id, title: from.title, description: from.description, director: from.director }
    }
}

impl Shape for record::Metadata {
    type Generated = thrift::Metadata;
}

impl From<record::Metadata> for thrift::Metadata {
    fn from(from: record::Metadata) -> Self {
        let record::Metadata { id, title, description, director, release_year, genres, revision } = from;
        Self::new(id, title, description, director, release_year, genres, revision)
    }
}

impl From<thrift::Metadata> for record::Metadata {
    fn from(from: thrift::Metadata) -> Self {
        Self {
            id: from.id,
            title: from.title,
            description: from.description,
            director: from.director,
            release_year: from.release_year,
            genres: from.genres.unwrap_or_default(),
            revision: from.revision.unwrap_or_default(),
        }
    }
}

impl From<record::Aggregate> for thrift::Aggregate {
    fn from(from: record::Aggregate) -> Self {
        let record::Aggregate { count, sum, mean, weighted_mean, histogram, revision } = from;
        Self::new(count, sum, OrderedFloat(mean), OrderedFloat(weighted_mean), histogram, revision)
    }
}

impl From<thrift::Aggregate> for record::Aggregate {
    fn from(from: thrift::Aggregate) -> Self {
        Self {
            count: from.count,
            sum: from.sum,
            mean: from.mean.0,
            weighted_mean: from.weighted_mean.0,
            histogram: from.histogram,
            revision: from.revision,
        }
    }
}

impl Shape for record::Movie {
    type Generated = thrift::Movie;
}

impl From<record::Movie> for thrift::Movie {
    fn from(from: record::Movie) -> Self {
        Self::new(from.metadata.into(), from.rating.map(Into::into), from.partial)
    }
}

impl From<thrift::Movie> for record::Movie {
    fn from(from: thrift::Movie) -> Self {
        Self {
            metadata: from.metadata.into(),
            rating: from.rating.map(Into::into),
            partial: from.partial.unwrap_or_default(),
        }
    }
}

impl Shape for record::Movies {
    type Generated = thrift::Movies;
}

impl From<record::Movies> for thrift::Movies {
    fn from(from: record::Movies) -> Self {
        Self::new(from.movies.into_iter().map(Into::into).collect())
    }
}

impl From<thrift::Movies> for record::Movies {
    fn from(from: thrift::Movies) -> Self {
        Self { movies: from.movies.into_iter().map(Into::into).collect() }
    }
}

impl Shape for record::Rating {
    type Generated = thrift::Rating;
}

impl From<record::Rating> for thrift::Rating {
    fn from(from: record::Rating) -> Self {
        let record::Rating { user_id, record_id, record_type, value, provider_id, rated_at } = from;
        Self::new(user_id, record_id, record_type, value, provider_id, rated_at)
    }
}

impl From<thrift::Rating> for record::Rating {
    fn from(from: thrift::Rating) -> Self {
        Self {
            user_id: from.user_id,
            record_id: from.record_id,
            record_type: from.record_type,
            value: from.value,
            provider_id: from.provider_id,
            rated_at: from.rated_at,
        }
    }
}
