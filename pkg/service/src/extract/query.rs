//! Query parameters. The deserializer is our own because it splits lists before decoding, rejects bytes that are not
//! UTF-8, and names the parameter in each error.

mod error;
mod value;

use crate::Problem;
use axum::extract::FromRequestParts;
use error::Error;
use fault::Violation;
use http::request::Parts;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use std::borrow::Cow;
use std::vec;
use value::{Value, decoded};

/// The query's parameters as a struct with `deny_unknown_fields`.
///
/// A parameter may be an `Option`, text, a number, a `bool`, [`Ids`](super::Ids) or anything that deserializes
/// from text. One that is unknown, doubled, missing or wrong is refused by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parse(parts.uri.query().unwrap_or_default()) {
            Ok(parameters) => Ok(Self(parameters)),
            Err(violation) => Err(Problem::invalid(violation.field, violation.reason)),
        }
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Violation> {
    let rest = values(query).collect::<Result<Vec<_>, _>>()?.into_iter();
    T::deserialize(Parameters { rest, next: None }).map_err(Error::into_violation)
}

/// Returns the decoded name of each parameter in `query`.
pub(crate) fn parameter_names(query: &str) -> impl Iterator<Item = Result<Cow<'_, str>, Violation>> {
    values(query).map(|value| Ok(value?.name))
}

fn values(query: &str) -> impl Iterator<Item = Result<Value<'_>, Violation>> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, raw) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(name).ok_or_else(|| Violation::new("query", "must be UTF-8"))?;
        Ok(Value { name, raw })
    })
}

/// The parameters in their order, and the one whose value serde asks for next.
struct Parameters<'a> {
    rest: vec::IntoIter<Value<'a>>,
    next: Option<Value<'a>>,
}

impl<'de> MapAccess<'de> for Parameters<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.next = self.rest.next();
        let Some(value) = &self.next else {
            return Ok(None);
        };
        seed.deserialize(value.name.as_ref().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let value = self.next.take().ok_or_else(|| Error::of("query", "has a value without a name"))?;
        let name = value.name.clone();
        seed.deserialize(value).map_err(|error| error.named(&name))
    }
}

impl<'de> Deserializer<'de> for Parameters<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::Ids;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Asked {
        query: Option<String>,
        page_size: Option<u32>,
        ids: Option<Ids>,
        #[serde(default)]
        exact: bool,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Needed {
        #[expect(dead_code, reason = "only its refusal is looked at")]
        id: String,
    }

    #[test]
    fn parameters_are_decoded() {
        assert_eq!(parse(""), Ok(Asked::default()));
        let expected =
            Asked { query: Some("a b&c".into()), page_size: Some(5), exact: true, ..Asked::default() };
        assert_eq!(parse("query=a+b%26c&pageSize=5&exact=true&"), Ok(expected));
    }

    #[test]
    fn commas_separate_ids_before_decoding() {
        let ids = |query| parse::<Asked>(query).unwrap().ids.unwrap().0;
        assert_eq!(ids("ids=b,a%2Cc,b,%F0%9F%8E%AC"), ["b", "a,c", "b", "🎬"]);
        assert_eq!(ids("ids=a,"), ["a", ""]);
    }

    #[test]
    fn error_has_parameter_and_rule() {
        let many = format!("ids={}", ["x"; 501].join(","));
        for (query, expected) in [
            ("pageSize=five", "pageSize must be a whole number, not \"five\""),
            ("pageSize=5.0", "pageSize must be a whole number, not \"5.0\""),
            ("pageSize=-1", "pageSize must be a whole number from 0 to 4294967295, not \"-1\""),
            ("pageSize=", "pageSize must be a whole number, not \"\""),
            ("exact=yes", "exact must be true or false, not \"yes\""),
            ("page_size=5", "page_size is unknown"),
            ("query=a&query=b", "query is given twice"),
            ("query=%FF", "query must be UTF-8"),
            ("ids=a,%C3", "ids must be UTF-8"),
            ("ids=", "ids must not be empty"),
            ("ids", "ids must not be empty"),
            (many.as_str(), "ids holds 501 entries, at most 500 are allowed"),
        ] {
            assert_eq!(parse::<Asked>(query).unwrap_err().to_string(), expected);
        }
        assert_eq!(parse::<Needed>("").unwrap_err().to_string(), "id is missing");
    }
}
