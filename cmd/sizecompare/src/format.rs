//! The formats: names, crates, and how they support schema changes.

use crate::codec::{avro, capnp, postcard, thrift};
use crate::record::Movies;
use crate::subject::{Bound, Subject};
use anyhow::Result;
use apache_avro::AvroSchema;
use clap::ValueEnum;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// A serialization format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// JSON.
    Json,
    /// JSON lines: a list, one movie per line.
    JsonLines,
    /// XML.
    Xml,
    /// YAML.
    Yaml,
    /// Apache Thrift, compact protocol.
    ThriftCompact,
    /// Apache Thrift, binary protocol.
    ThriftBinary,
    /// Apache Avro, a single object with its header.
    Avro,
    /// Apache Avro, a list as a container of movies.
    AvroContainer,
    /// Protocol Buffers.
    Protobuf,
    /// Cap'n Proto.
    Capnp,
    /// Cap'n Proto, packed.
    CapnpPacked,
    /// MessagePack, records as maps.
    Messagepack,
    /// CBOR, records as maps.
    Cbor,
    /// Postcard.
    Postcard,
}

/// The description of a format.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The name in tables.
    pub name: &'static str,
    /// The extension of files.
    pub extension: &'static str,
    /// The crate that writes and reads it.
    pub library: &'static str,
    /// What matches the fields of different schema versions; `no` if nothing does.
    pub evolves: &'static str,
}

/// A record that every format can write and read.
pub trait Record:
    Debug
    + Clone
    + PartialEq
    + prost::Message
    + Default
    + Serialize
    + DeserializeOwned
    + AvroSchema
    + capnp::Shape
    + postcard::Shape
    + thrift::Shape
    + 'static
{
    /// Returns the record as a list, for formats of lists only.
    fn as_list(&self) -> Option<&Movies> {
        None
    }
}

impl Record for crate::record::Classic {}
impl Record for crate::record::Metadata {}
impl Record for crate::record::Movie {}
impl Record for crate::record::Rating {}

impl Record for Movies {
    fn as_list(&self) -> Option<&Movies> {
        Some(self)
    }
}

impl Format {
    /// Returns all formats, in the order of a table.
    #[must_use]
    pub fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// Returns the format's description.
    #[must_use]
    pub const fn about(self) -> About {
        let (name, extension, library, evolves) = match self {
            Self::Json => ("JSON", "json", "serde_json", "by name"),
            Self::JsonLines => ("JSON lines", "jsonl", "serde_json", "by name"),
            Self::Xml => ("XML", "xml", "quick-xml", "by name"),
            Self::Yaml => ("YAML", "yaml", "serde-saphyr", "by name"),
            Self::ThriftCompact => ("Thrift compact", "thrift-compact", "thrift", "by number"),
            Self::ThriftBinary => ("Thrift binary", "thrift-binary", "thrift", "by number"),
            Self::Avro => ("Avro object", "avro-object", "apache-avro", "by schema"),
            Self::AvroContainer => ("Avro container", "avro", "apache-avro", "by schema"),
            Self::Protobuf => ("Protocol Buffers", "pb", "prost", "by number"),
            Self::Capnp => ("Cap'n Proto", "capnp", "capnp", "by order"),
            Self::CapnpPacked => ("Cap'n Proto packed", "capnp-packed", "capnp", "by order"),
            Self::Messagepack => ("MessagePack", "msgpack", "rmp-serde", "by name"),
            Self::Cbor => ("CBOR", "cbor", "ciborium", "by name"),
            Self::Postcard => ("postcard", "postcard", "postcard", "no"),
        };
        About { name, extension, library, evolves }
    }

    /// Binds `record` to this format: encodes, decodes and compares it. `None` if the format supports only lists and
    /// the record is not a list.
    pub fn bind<R: Record>(self, record: &R) -> Result<Option<Box<dyn Subject>>> {
        let subject = match self {
            Self::Json => {
                plain(record, |r| Ok(serde_json::to_vec(r)?), |bytes| Ok(serde_json::from_slice(bytes)?))?
            }
            Self::Xml => plain(
                record,
                |r| Ok(quick_xml::se::to_string(r)?.into_bytes()),
                |bytes| Ok(quick_xml::de::from_str(str::from_utf8(bytes)?)?),
            )?,
            Self::Yaml => plain(
                record,
                |r| Ok(serde_saphyr::to_string(r)?.into_bytes()),
                |bytes| Ok(serde_saphyr::from_slice(bytes)?),
            )?,
            Self::ThriftCompact => {
                bound::<_, R::Generated>(record, thrift::encode_compact, thrift::decode_compact)?
            }
            Self::ThriftBinary => {
                bound::<_, R::Generated>(record, thrift::encode_binary, thrift::decode_binary)?
            }
            Self::Avro => plain(record, avro::encoder()?, avro::decoder()?)?,
            Self::Protobuf => plain(record, |r| Ok(r.encode_to_vec()), |bytes| Ok(R::decode(bytes)?))?,
            Self::Capnp => {
                let subject = Bound::<R, R, _, _>::new(record, capnp::encode, capnp::decode)?;
                Box::new(subject.visited(capnp::weigh::<R>, capnp::expected(record)?)?)
            }
            Self::CapnpPacked => plain(record, capnp::encode_packed, capnp::decode_packed)?,
            Self::Messagepack => {
                plain(record, |r| Ok(rmp_serde::to_vec_named(r)?), |bytes| Ok(rmp_serde::from_slice(bytes)?))?
            }
            Self::Cbor => plain(
                record,
                |r| {
                    let mut bytes = Vec::new();
                    ciborium::into_writer(r, &mut bytes)?;
                    Ok(bytes)
                },
                |bytes| Ok(ciborium::from_reader(bytes)?),
            )?,
            Self::Postcard => bound::<_, R::Whole>(
                record,
                |whole| Ok(::postcard::to_allocvec(whole)?),
                |bytes| Ok(::postcard::from_bytes(bytes)?),
            )?,
            Self::JsonLines | Self::AvroContainer => {
                return record.as_list().map(|list| self.bind_list(list)).transpose();
            }
        };
        Ok(Some(subject))
    }

    fn bind_list(self, list: &Movies) -> Result<Box<dyn Subject>> {
        if self == Self::JsonLines {
            return plain(list, encode_lines, decode_lines);
        }
        let schema = crate::record::Movie::get_schema();
        plain(list, move |list| avro::encode_container(&schema, list), avro::decode_container)
    }
}

/// A record that is encoded directly.
fn plain<R: Clone + Debug + PartialEq + 'static>(
    record: &R,
    encode: impl Fn(&R) -> Result<Vec<u8>> + 'static,
    decode: impl Fn(&[u8]) -> Result<R> + 'static,
) -> Result<Box<dyn Subject>> {
    bound::<R, R>(record, encode, decode)
}

/// A record that is held in a form `N` of the format.
fn bound<R, N>(
    record: &R,
    encode: impl Fn(&N) -> Result<Vec<u8>> + 'static,
    decode: impl Fn(&[u8]) -> Result<N> + 'static,
) -> Result<Box<dyn Subject>>
where
    R: Clone + Debug + PartialEq + From<N> + 'static,
    N: From<R> + 'static,
{
    Ok(Box::new(Bound::<R, N, _, _>::new(record, encode, decode)?))
}

fn encode_lines(list: &Movies) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for movie in &list.movies {
        serde_json::to_writer(&mut bytes, movie)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

fn decode_lines(bytes: &[u8]) -> Result<Movies> {
    let movies = serde_json::Deserializer::from_slice(bytes).into_iter().collect::<Result<_, _>>()?;
    Ok(Movies { movies })
}
