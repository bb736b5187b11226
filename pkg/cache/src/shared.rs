//! Values that their readers share, each with its JSON and its encoding once these have been produced.

use bytes::Bytes;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use std::any::TypeId;
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
    json: OnceLock<Kept<Box<RawValue>>>,
    encoded: OnceLock<Kept<Bytes>>,
}

/// A representation of a value, and the type that produced it: no other form of the value reads it.
struct Kept<B> {
    form: TypeId,
    bytes: B,
}

impl<B> Kept<B> {
    fn of<F: 'static>(&self) -> Option<&B> {
        (self.form == TypeId::of::<F>()).then_some(&self.bytes)
    }
}

impl<T> Shared<T> {
    /// The kept JSON of the value in the form `F`, which is produced first if none is kept. `None` if JSON in another
    /// form is kept.
    fn json<F: Serialize + 'static>(
        &self,
        form: impl FnOnce(&T) -> F,
    ) -> Result<Option<&RawValue>, serde_json::Error> {
        let kept = if let Some(kept) = self.0.json.get() {
            kept
        } else {
            let bytes = to_raw_value(&form(&self.0.value))?;
            self.0.json.get_or_init(|| Kept { form: TypeId::of::<F>(), bytes })
        };
        Ok(kept.of::<F>().map(AsRef::as_ref))
    }

    /// Returns the value as JSON in the form `F`. The first form that is requested is kept and shared with all other
    /// responses; any other form is serialized each time. Nothing is kept for a value without other owners.
    ///
    /// # Errors
    ///
    /// If `F` cannot be serialized as JSON.
    pub fn to_json<F>(&self) -> Result<Bytes, serde_json::Error>
    where
        T: Send + Sync + 'static,
        F: Serialize + for<'a> From<&'a T> + 'static,
    {
        let unshared = Arc::strong_count(&self.0) == 1 && self.0.json.get().is_none();
        if !unshared && self.json(|value| F::from(value))?.is_some() {
            return Ok(Bytes::from_owner(Text(self.0.clone())));
        }
        let mut json = Vec::with_capacity(ANSWER);
        serde_json::to_writer(&mut json, &F::from(&self.0.value))?;
        Ok(json.into())
    }

    /// Returns the value as `encode` encodes it. The result of the first `encode` is kept and shared with all other
    /// responses; any other function encodes each time. Functions are told apart by their types: `encode` must depend
    /// on the value alone.
    pub fn to_encoded<F: FnOnce(&T) -> Vec<u8> + 'static>(&self, encode: F) -> Bytes {
        if let Some(kept) = self.0.encoded.get() {
            return kept.of::<F>().cloned().unwrap_or_else(|| encode(&self.0.value).into());
        }
        let bytes = Bytes::from(encode(&self.0.value));
        let _ = self.0.encoded.set(Kept { form: TypeId::of::<F>(), bytes: bytes.clone() });
        bytes
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
        self.0.json.get().map(|kept| kept.bytes.get().as_bytes()).unwrap_or_default()
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

/// A shared value in a response, serialized as JSON in the form `F`.
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

impl<T, F: Serialize + for<'a> From<&'a T> + 'static> Serialize for Written<T, F> {
    /// Serializes to JSON only.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.json(|value| F::from(value)).map_err(S::Error::custom)? {
            Some(kept) => kept.serialize(serializer),
            None => F::from(&*self.0).serialize(serializer),
        }
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
        assert_eq!(shared.json(&mut form).unwrap().unwrap().get(), "[1,2]");
        assert_eq!(other.json(&mut form).unwrap().unwrap().get(), "[1,2]");
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

    /// A form of a text that is not its JSON string.
    #[derive(Serialize)]
    struct Length(usize);

    impl From<&String> for Length {
        fn from(text: &String) -> Self {
            Self(text.len())
        }
    }

    #[test]
    fn second_json_form_differs_from_first() {
        let shared = Shared::from("x".to_owned());
        let _other_owner = shared.clone();
        for _ in 0..2 {
            assert_eq!(shared.to_json::<String>().unwrap(), r#""x""#);
            assert_eq!(shared.to_json::<Length>().unwrap(), "1");
            let rows = (Written::<_, String>::from(&shared), Written::<_, Length>::from(&shared));
            assert_eq!(serde_json::to_string(&rows).unwrap(), r#"["x",1]"#);
        }
    }

    #[test]
    fn second_encoding_differs_from_first() {
        let shared = Shared::from("x".to_owned());
        for _ in 0..2 {
            assert_eq!(shared.to_encoded(|text| text.clone().into_bytes()), &b"x"[..]);
            assert_eq!(shared.to_encoded(|text| vec![text.len() as u8]), &[1][..]);
        }
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
