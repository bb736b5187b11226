//! Values that their readers share, each with its JSON and its encoding once somebody has asked for them.

use bytes::Bytes;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// Room for the JSON of one answer, as most are not longer.
const ANSWER: usize = 1024;

/// A value that its readers share, and with it its JSON and its encoding, which are written once. Clones share all
/// of them.
pub struct Shared<T>(Arc<Inner<T>>);

struct Inner<T> {
    value: T,
    json: OnceLock<Box<RawValue>>,
    encoded: OnceLock<Bytes>,
}

impl<T> Shared<T> {
    /// The value as JSON, in the one form that `form` gives a value of this type.
    fn json<F: Serialize>(&self, form: impl FnOnce(&T) -> F) -> Result<&RawValue, serde_json::Error> {
        if let Some(json) = self.0.json.get() {
            return Ok(json);
        }
        let json = to_raw_value(&form(&self.0.value))?;
        Ok(self.0.json.get_or_init(|| json))
    }

    /// Its JSON, which the answer shares, in the form `F`: the only form that it is ever written in. Where nobody
    /// else has the value it is not kept, for nobody else will ask for it.
    ///
    /// # Errors
    ///
    /// Where `F` can't be written as JSON.
    pub fn to_json<F>(&self) -> Result<Bytes, serde_json::Error>
    where
        T: Send + Sync + 'static,
        F: Serialize + for<'a> From<&'a T>,
    {
        if Arc::strong_count(&self.0) == 1 && self.0.json.get().is_none() {
            let mut json = Vec::with_capacity(ANSWER);
            serde_json::to_writer(&mut json, &F::from(&self.0.value))?;
            return Ok(json.into());
        }
        self.json(|value| F::from(value))?;
        Ok(Bytes::from_owner(Text(self.0.clone())))
    }

    /// Its encoding, which the answer shares, in the one way that `encode` does it.
    pub fn to_encoded(&self, encode: impl FnOnce(&T) -> Vec<u8>) -> Bytes {
        self.0.encoded.get_or_init(|| encode(&self.0.value).into()).clone()
    }

    /// The value itself: the shared one where nobody else has it, else a copy.
    #[must_use]
    pub fn into_value(self) -> T
    where
        T: Clone,
    {
        Arc::try_unwrap(self.0).map_or_else(|shared| shared.value.clone(), |inner| inner.value)
    }
}

/// The JSON of a shared value that has been written.
struct Text<T>(Arc<Inner<T>>);

impl<T> AsRef<[u8]> for Text<T> {
    fn as_ref(&self) -> &[u8] {
        self.0.json.get().map(|json| json.get().as_bytes()).unwrap_or_default()
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(Inner { value, json: OnceLock::new(), encoded: OnceLock::new() }))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T> Borrow<T> for Shared<T> {
    fn borrow(&self) -> &T {
        &self.0.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.value.fmt(f)
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.value == other.0.value
    }
}

impl<T: PartialEq> PartialEq<T> for Shared<T> {
    fn eq(&self, other: &T) -> bool {
        self.0.value == *other
    }
}

/// A shared value in an answer, which has the form `F` as JSON: the only form that it is ever written in.
#[derive(Debug)]
pub struct Written<T, F>(Shared<T>, PhantomData<fn() -> F>);

impl<T, F> From<Shared<T>> for Written<T, F> {
    fn from(shared: Shared<T>) -> Self {
        Self(shared, PhantomData)
    }
}

impl<T, F> From<&Shared<T>> for Written<T, F> {
    fn from(shared: &Shared<T>) -> Self {
        shared.clone().into()
    }
}

impl<T, F: Serialize + for<'a> From<&'a T>> Serialize for Written<T, F> {
    /// Writes to JSON alone.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.json(|value| F::from(value)).map_err(S::Error::custom)?.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_written_once_whoever_asks() {
        let (shared, mut written) = (Shared::from(vec![1, 2]), 0);
        let other = shared.clone();
        let mut form = |value: &Vec<i32>| {
            written += 1;
            value.clone()
        };
        assert_eq!(shared.json(&mut form).unwrap().get(), "[1,2]");
        assert_eq!(other.json(&mut form).unwrap().get(), "[1,2]");
        assert_eq!(written, 1);
    }

    #[test]
    fn answers_share_the_json_and_outlive_the_value() {
        let shared = Shared::from("x".to_owned());
        let same = shared.clone();
        let [one, other] = [&shared, &same].map(|shared| shared.to_json::<String>().unwrap());
        assert_eq!((&one[..], one.as_ptr()), (&br#""x""#[..], other.as_ptr()));
        drop((shared, same));
        assert_eq!(&other[..], br#""x""#);
    }

    #[test]
    fn the_json_of_a_value_that_nobody_shares_is_not_kept() {
        let alone = Shared::from("x".to_owned());
        assert_eq!(alone.to_json::<String>().unwrap(), r#""x""#);
        assert!(alone.0.json.get().is_none());
    }

    #[test]
    fn answers_share_the_encoding() {
        let shared = Shared::from("x".to_owned());
        let [one, other] = [(); 2].map(|()| shared.to_encoded(|text| text.clone().into_bytes()));
        assert_eq!((&one[..], one.as_ptr()), (&b"x"[..], other.as_ptr()));
    }

    #[test]
    fn what_cannot_be_written_is_an_error_each_time() {
        let shared = Shared::from(std::collections::HashMap::from([((), 1)]));
        assert!(shared.json(Clone::clone).is_err() && shared.json(Clone::clone).is_err());
    }

    #[test]
    fn the_value_comes_out_whether_or_not_it_is_shared() {
        let shared = Shared::from("x".to_owned());
        assert_eq!(shared.clone().into_value(), "x");
        assert_eq!(shared.into_value(), "x");
    }
}
