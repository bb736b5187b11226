//! Apache Avro: the schemas, single objects with their header, and containers of many movies.

use crate::record;
use anyhow::Result;
use apache_avro::{
    AvroSchema, GenericSingleObjectReader, Reader, Schema, SpecificSingleObjectWriter, Writer,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

const CLASSIC: &str = include_str!("../../schemas/classic.avsc");
const MOVIES: &str = include_str!("../../schemas/movies.avsc");
const RATING: &str = include_str!("../../schemas/rating.avsc");

/// Implements a record's schema from a file, at a JSON pointer.
macro_rules! schema {
    ($record:ty, $file:ident, $pointer:literal) => {
        impl AvroSchema for $record {
            fn get_schema() -> Schema {
                schema($file, $pointer)
            }
        }
    };
}

schema!(record::Classic, CLASSIC, "");
schema!(record::Metadata, MOVIES, "/fields/0/type/items/fields/0/type");
schema!(record::Movie, MOVIES, "/fields/0/type/items");
schema!(record::Movies, MOVIES, "");
schema!(record::Rating, RATING, "");

#[expect(clippy::expect_used, reason = "the files are the crate's own, and their trait knows no failure")]
fn schema(file: &str, pointer: &str) -> Schema {
    let file: serde_json::Value = serde_json::from_str(file).expect("a schema is JSON");
    let schema = file.pointer(pointer).expect("the schema is there");
    Schema::parse(schema).expect("the schema is Avro's")
}

/// Returns a writer of single objects with header; the schema is parsed once, here.
pub fn encoder<R: AvroSchema + Serialize>() -> Result<impl Fn(&R) -> Result<Vec<u8>>> {
    let writer = SpecificSingleObjectWriter::<R>::new()?;
    Ok(move |record: &R| {
        let mut bytes = Vec::new();
        writer.write_ref(record, &mut bytes)?;
        Ok(bytes)
    })
}

/// Returns a reader of single objects that checks the header; the schema is parsed once, here.
pub fn decoder<R: AvroSchema + DeserializeOwned>() -> Result<impl Fn(&[u8]) -> Result<R>> {
    let reader = GenericSingleObjectReader::builder().schema(R::get_schema()).build()?;
    Ok(move |mut bytes: &[u8]| Ok(reader.read_deser(&mut bytes)?))
}

/// Writes a container: the schema once, then every movie.
pub fn encode_container(schema: &Schema, list: &record::Movies) -> Result<Vec<u8>> {
    let mut writer = Writer::new(schema, Vec::new())?;
    writer.extend_ser(&list.movies)?;
    Ok(writer.into_inner()?)
}

/// Reads a container by its own schema.
pub fn decode_container(bytes: &[u8]) -> Result<record::Movies> {
    let movies = Reader::new(bytes)?.into_deser_iter().collect::<Result<_, _>>()?;
    Ok(record::Movies { movies })
}
