//! A deserializer that takes only objects for structs and only strings for enums.
//!
//! `derive(Deserialize)` also accepts a struct as the array of its fields, and a variant as an object, for formats
//! without names. In JSON, such input is a mistake of its sender.

use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Wraps a deserializer (and in turn its visitors, sequences, maps and their elements), so that at any depth a struct
/// is read from an object only, and an enum, whose variants have no fields, from a string only.
#[derive(Clone, Copy, Debug)]
pub struct Objects<T>(T);

impl<T> Objects<T> {
    /// Wraps `deserializer`.
    #[inline]
    pub const fn new(deserializer: T) -> Self {
        Self(deserializer)
    }
}

macro_rules! forward_deserialize {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method($($argument,)* Objects(visitor))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Objects<D> {
    type Error = D::Error;

    forward_deserialize! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_identifier();
        deserialize_ignored_any();
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Objects(visitor))
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_str(Variant(visitor))
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! forward_visit {
    ($($method:ident: $type:ty;)*) => {$(
        #[inline]
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.0.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Objects<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    forward_visit! {
        visit_bool: bool;
        visit_i64: i64;
        visit_i128: i128;
        visit_u64: u64;
        visit_u128: u128;
        visit_f64: f64;
        visit_str: &str;
        visit_borrowed_str: &'de str;
        visit_string: String;
        visit_bytes: &[u8];
        visit_borrowed_bytes: &'de [u8];
        visit_byte_buf: Vec<u8>;
    }

    #[inline]
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Objects(deserializer))
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Objects(deserializer))
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Objects(elements))
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Objects(entries))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Objects<A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Objects(seed))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Objects<A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.0.next_key_seed(Objects(seed))
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Objects(seed))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Objects<S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Objects(deserializer))
    }
}

/// Passes a string to an enum's visitor as the name of a variant.
struct Variant<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Variant<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    #[inline]
    fn visit_str<E: Error>(self, name: &str) -> Result<V::Value, E> {
        self.0.visit_enum(name.into_deserializer())
    }
}

#[cfg(test)]
mod tests {
    use crate::{from_slice, from_str};
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::{Value, json, value::RawValue};
    use std::borrow::Cow;
    use std::collections::BTreeMap;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Leaf {
        number: Option<i64>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Put,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Tree<'a> {
        #[serde(borrow)]
        text: Cow<'a, str>,
        leaf: Leaf,
        optional: Option<Leaf>,
        list: Vec<Leaf>,
        map: BTreeMap<String, Leaf>,
        pair: (i64, f64),
        kind: Option<Kind>,
        any: Value,
        #[serde(default)]
        bool: bool,
    }

    fn tree() -> Value {
        json!({
            "text": "t", "leaf": {"number": 1}, "optional": {"number": null}, "list": [{"number": 2}],
            "map": {"a": {"number": 3}}, "pair": [4, 0.5], "kind": "put", "any": [{"a": [1]}], "bool": true,
        })
    }

    #[test]
    fn same_value_is_decoded_as_without_wrapper() {
        let text = tree().to_string();
        assert_eq!(from_str::<Tree<'_>>(&text).unwrap(), serde_json::from_str(&text).unwrap());
        assert!(matches!(from_str::<Tree<'_>>(&text).unwrap().text, Cow::Borrowed("t")));
        let raw: BTreeMap<String, &RawValue> = from_str(r#"{"a": [ 1]}"#).unwrap();
        assert_eq!(raw["a"].get(), "[ 1]");
    }

    #[test]
    fn array_is_refused_for_struct_at_any_depth() {
        for place in ["", "/leaf", "/optional", "/list/0", "/map/a"] {
            let mut tree = tree();
            let object = tree.pointer_mut(place).unwrap();
            *object = object.as_object().unwrap().values().cloned().collect();
            let error = from_str::<Tree<'_>>(&tree.to_string()).unwrap_err().to_string();
            assert!(error.contains("invalid type: sequence, expected struct"), "{place}: {error}");
        }
    }

    #[test]
    fn variant_is_a_string() {
        assert_eq!(from_str::<Kind>(r#""put""#).unwrap(), Kind::Put);
        for other in [r#"{"put":null}"#, r#"["put"]"#, "0", "null"] {
            let error = from_str::<Kind>(other).unwrap_err().to_string();
            assert!(error.contains("expected a string"), "{other}: {error}");
        }
        assert!(from_str::<Kind>(r#""drop""#).unwrap_err().to_string().starts_with("unknown variant `drop`"));
    }

    #[test]
    fn byte_order_mark_is_skipped_and_text_after_value_is_refused() {
        assert_eq!(from_slice::<Leaf>(b"\xef\xbb\xbf{\"number\":1}").unwrap(), Leaf { number: Some(1) });
        assert!(from_slice::<Leaf>(b"{}{}").is_err());
        let error = from_slice::<Leaf>(b"\xff\xfe{\0").unwrap_err().to_string();
        assert_eq!(error, "must be UTF-8, but begins with the byte order mark of UTF-16");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(".*", inner, 0..4).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_decoded_as_without_wrapper(value in any_json()) {
            let text = value.to_string();
            prop_assert_eq!(from_str::<Value>(&text).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
        }
    }
}
