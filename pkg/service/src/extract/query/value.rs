//! Deserialization of one query parameter: a text that may also be a number, a boolean or a list.

use super::error::Error;
use crate::extract::reason::reason;
use percent_encoding::percent_decode_str;
use serde::de::value::{CowStrDeserializer, SeqDeserializer};
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

/// Returns the decoded text of `raw`, if it is UTF-8.
pub(super) fn decoded(raw: &str) -> Option<Cow<'_, str>> {
    if !raw.contains('+') {
        return percent_decode_str(raw).decode_utf8().ok();
    }
    let spaced = raw.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(|text| text.into_owned().into())
}

/// A parameter's value, still encoded, or an entry of one.
#[derive(Clone)]
pub(super) struct Value<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) raw: &'a str,
}

impl<'a> Value<'a> {
    fn text(&self) -> Result<Cow<'a, str>, Error> {
        decoded(self.raw).ok_or_else(|| Error::of(&self.name, "must be UTF-8"))
    }

    fn number<T: FromStr>(&self, range: impl Display) -> Result<T, Error> {
        let text = self.text()?;
        text.parse().map_err(|_| {
            let whole = text.parse::<i128>().is_ok();
            let range = if whole { format!(" from {range}") } else { String::new() };
            Error::of(&self.name, reason(&format!("must be a whole number{range}, not {text:?}")))
        })
    }

    fn choice<T: FromStr>(&self, expected: &str) -> Result<T, Error> {
        let text = self.text()?;
        text.parse().map_err(|_| Error::of(&self.name, reason(&format!("must be {expected}, not {text:?}"))))
    }
}

impl<'de> IntoDeserializer<'de, Error> for Value<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! whole_numbers {
    ($($method:ident $visit:ident $type:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let number = self.number::<$type>(format_args!("{} to {}", $type::MIN, $type::MAX))?;
            visitor.$visit(number)
        }
    )*};
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.text()? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let text: CowStrDeserializer<'_, Error> = self.text()?.into_deserializer();
        visitor.visit_enum(text)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let raw = Some(self.raw).filter(|raw| !raw.is_empty());
        let entries = raw.into_iter().flat_map(|raw| raw.split(','));
        let name = self.name.clone();
        let entries = entries.map(|raw| Value { name: name.clone(), raw });
        visitor.visit_seq(SeqDeserializer::new(entries))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.choice("true or false")?)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(self.choice("a number")?)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f32(self.choice("a number")?)
    }

    whole_numbers! {
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct identifier
    }
}
