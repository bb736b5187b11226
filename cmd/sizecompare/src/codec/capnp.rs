//! Cap'n Proto: messages built from records, converted to records, and read in place.

use crate::record;
use crate::records_capnp as schema;
use ::capnp::message::{Builder, Reader, ReaderOptions};
use ::capnp::serialize::BufferSegments;
use ::capnp::traits::Owned;
use ::capnp::{serialize, serialize_packed, text_list};
use anyhow::Result;
use serde::Serialize;
use serde_json::Value;

/// A record with a Cap'n Proto struct.
pub trait Shape: Sized + Clone {
    /// The generated struct.
    type Struct: Owned;
    /// Fills the struct.
    fn build(&self, to: <Self::Struct as Owned>::Builder<'_>);
    /// Converts the struct to a record.
    fn read(from: <Self::Struct as Owned>::Reader<'_>) -> Result<Self>;
    /// Reads every field in place and sums up the lengths of texts and the bits of numbers.
    fn weigh(from: <Self::Struct as Owned>::Reader<'_>) -> Result<u64>;
}

fn message<R: Shape>(record: &R) -> Builder<::capnp::message::HeapAllocator> {
    let mut message = Builder::new_default();
    record.build(message.init_root::<<R::Struct as Owned>::Builder<'_>>());
    message
}

fn open<'a>(bytes: &mut &'a [u8]) -> Result<Reader<BufferSegments<&'a [u8]>>> {
    Ok(serialize::read_message_from_flat_slice(bytes, ReaderOptions::new())?)
}

/// Builds and writes a message.
pub fn encode<R: Shape>(record: &R) -> Result<Vec<u8>> {
    Ok(serialize::write_message_to_words(&message(record)))
}

/// Converts a message to a record.
pub fn decode<R: Shape>(mut bytes: &[u8]) -> Result<R> {
    R::read(open(&mut bytes)?.get_root()?)
}

/// Reads every field of a message in place.
pub fn weigh<R: Shape>(mut bytes: &[u8]) -> Result<u64> {
    R::weigh(open(&mut bytes)?.get_root()?)
}

/// Returns the expected result of [`weigh`], computed from the record's JSON.
pub fn expected<R: Serialize>(record: &R) -> Result<u64> {
    fn weigh(value: &Value) -> u64 {
        match value {
            Value::String(text) => text.len() as u64,
            Value::Number(number) => {
                number.as_i64().map_or_else(|| number.as_f64().map_or(0, f64::to_bits), bits)
            }
            Value::Array(values) => values.iter().map(weigh).fold(0, u64::wrapping_add),
            Value::Object(fields) => fields.values().map(weigh).fold(0, u64::wrapping_add),
            Value::Null | Value::Bool(_) => 0,
        }
    }
    Ok(weigh(&serde_json::to_value(record)?))
}

/// Builds and writes a packed message.
pub fn encode_packed<R: Shape>(record: &R) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    serialize_packed::write_message(&mut bytes, &message(record))?;
    Ok(bytes)
}

/// Unpacks a message and converts it to a record.
pub fn decode_packed<R: Shape>(bytes: &[u8]) -> Result<R> {
    R::read(serialize_packed::read_message(bytes, ReaderOptions::new())?.get_root()?)
}

/// Returns the bits of a signed number.
const fn bits(number: i64) -> u64 {
    number.cast_unsigned()
}

fn lengths<const N: usize>(texts: [::capnp::text::Reader<'_>; N]) -> Result<u64> {
    texts.into_iter().try_fold(0, |sum, text| Ok(sum + text.to_str()?.len() as u64))
}

fn fill(texts: &[String], mut to: text_list::Builder<'_>) {
    for (index, text) in (0..).zip(texts) {
        to.set(index, text);
    }
}

fn owned(from: text_list::Reader<'_>) -> Result<Vec<String>> {
    from.iter().map(|text| Ok(text?.to_string()?)).collect()
}

fn weigh_list(from: text_list::Reader<'_>) -> Result<u64> {
    from.iter().try_fold(0, |sum, text| Ok(sum + lengths([text?])?))
}

impl Shape for record::Classic {
    type Struct = schema::classic::Owned;

    fn build(&self, mut to: schema::classic::Builder<'_>) {
        to.set_id(&self.id);
        to.set_title(&self.title);
        to.set_description(&self.description);
        to.set_director(&self.director);
    }

    fn read(from: schema::classic::Reader<'_>) -> Result<Self> {
        Ok(Self {
            id: from.get_id()?.to_string()?,
            title: from.get_title()?.to_string()?,
            description: from.get_description()?.to_string()?,
            director: from.get_director()?.to_string()?,
        })
    }

    fn weigh(from: schema::classic::Reader<'_>) -> Result<u64> {
        lengths([from.get_id()?, from.get_title()?, from.get_description()?, from.get_director()?])
    }
}

impl Shape for record::Metadata {
    type Struct = schema::metadata::Owned;

    fn build(&self, mut to: schema::metadata::Builder<'_>) {
        to.set_id(&self.id);
        to.set_title(&self.title);
        to.set_description(&self.description);
        to.set_director(&self.director);
        to.set_release_year(self.release_year.unwrap_or_default());
        fill(&self.genres, to.reborrow().init_genres(self.genres.len() as u32));
        to.set_revision(self.revision);
    }

    fn read(from: schema::metadata::Reader<'_>) -> Result<Self> {
        Ok(Self {
            id: from.get_id()?.to_string()?,
            title: from.get_title()?.to_string()?,
            description: from.get_description()?.to_string()?,
            director: from.get_director()?.to_string()?,
            release_year: Some(from.get_release_year()).filter(|year| *year != 0),
            genres: owned(from.get_genres()?)?,
            revision: from.get_revision(),
        })
    }

    fn weigh(from: schema::metadata::Reader<'_>) -> Result<u64> {
        let texts = [from.get_id()?, from.get_title()?, from.get_description()?, from.get_director()?];
        let numbers = bits(from.get_release_year().into()).wrapping_add(bits(from.get_revision()));
        Ok(numbers.wrapping_add(lengths(texts)?).wrapping_add(weigh_list(from.get_genres()?)?))
    }
}

impl Shape for record::Aggregate {
    type Struct = schema::aggregate::Owned;

    fn build(&self, mut to: schema::aggregate::Builder<'_>) {
        to.set_count(self.count);
        to.set_sum(self.sum);
        to.set_mean(self.mean);
        to.set_weighted_mean(self.weighted_mean);
        let mut histogram = to.reborrow().init_histogram(self.histogram.len() as u32);
        for (index, count) in (0..).zip(&self.histogram) {
            histogram.set(index, *count);
        }
        to.set_revision(self.revision);
    }

    fn read(from: schema::aggregate::Reader<'_>) -> Result<Self> {
        Ok(Self {
            count: from.get_count(),
            sum: from.get_sum(),
            mean: from.get_mean(),
            weighted_mean: from.get_weighted_mean(),
            histogram: from.get_histogram()?.iter().collect(),
            revision: from.get_revision(),
        })
    }

    fn weigh(from: schema::aggregate::Reader<'_>) -> Result<u64> {
        let counts = from.get_histogram()?.iter().map(bits).fold(0, u64::wrapping_add);
        let means = from.get_mean().to_bits().wrapping_add(from.get_weighted_mean().to_bits());
        let numbers = [from.get_count(), from.get_sum(), from.get_revision()].map(bits);
        Ok(numbers.into_iter().fold(counts.wrapping_add(means), u64::wrapping_add))
    }
}

impl Shape for record::Movie {
    type Struct = schema::movie::Owned;

    fn build(&self, mut to: schema::movie::Builder<'_>) {
        self.metadata.build(to.reborrow().init_metadata());
        if let Some(rating) = &self.rating {
            rating.build(to.reborrow().init_rating());
        }
        fill(&self.partial, to.init_partial(self.partial.len() as u32));
    }

    fn read(from: schema::movie::Reader<'_>) -> Result<Self> {
        let rating = from.has_rating().then(|| record::Aggregate::read(from.get_rating()?));
        Ok(Self {
            metadata: record::Metadata::read(from.get_metadata()?)?,
            rating: rating.transpose()?,
            partial: owned(from.get_partial()?)?,
        })
    }

    fn weigh(from: schema::movie::Reader<'_>) -> Result<u64> {
        let rating = if from.has_rating() { record::Aggregate::weigh(from.get_rating()?)? } else { 0 };
        let metadata = record::Metadata::weigh(from.get_metadata()?)?;
        Ok(rating.wrapping_add(metadata).wrapping_add(weigh_list(from.get_partial()?)?))
    }
}

impl Shape for record::Movies {
    type Struct = schema::movies::Owned;

    fn build(&self, to: schema::movies::Builder<'_>) {
        let mut movies = to.init_movies(self.movies.len() as u32);
        for (index, movie) in (0..).zip(&self.movies) {
            movie.build(movies.reborrow().get(index));
        }
    }

    fn read(from: schema::movies::Reader<'_>) -> Result<Self> {
        let movies = from.get_movies()?.iter().map(record::Movie::read).collect::<Result<_>>()?;
        Ok(Self { movies })
    }

    fn weigh(from: schema::movies::Reader<'_>) -> Result<u64> {
        let weights = from.get_movies()?.iter().map(record::Movie::weigh);
        weights.into_iter().try_fold(0, |sum: u64, weight| Ok(sum.wrapping_add(weight?)))
    }
}

impl Shape for record::Rating {
    type Struct = schema::rating::Owned;

    fn build(&self, mut to: schema::rating::Builder<'_>) {
        to.set_user_id(&self.user_id);
        to.set_record_id(&self.record_id);
        to.set_record_type(&self.record_type);
        to.set_value(self.value);
        if let Some(provider_id) = &self.provider_id {
            to.set_provider_id(provider_id);
        }
        to.set_rated_at(self.rated_at);
    }

    fn read(from: schema::rating::Reader<'_>) -> Result<Self> {
        let provider_id = from.has_provider_id().then(|| anyhow::Ok(from.get_provider_id()?.to_string()?));
        Ok(Self {
            user_id: from.get_user_id()?.to_string()?,
            record_id: from.get_record_id()?.to_string()?,
            record_type: from.get_record_type()?.to_string()?,
            value: from.get_value(),
            provider_id: provider_id.transpose()?,
            rated_at: from.get_rated_at(),
        })
    }

    fn weigh(from: schema::rating::Reader<'_>) -> Result<u64> {
        let texts = [from.get_user_id()?, from.get_record_id()?, from.get_record_type()?];
        let numbers = bits(from.get_value().into()).wrapping_add(bits(from.get_rated_at()));
        Ok(numbers.wrapping_add(lengths(texts)?).wrapping_add(lengths([from.get_provider_id()?])?))
    }
}
