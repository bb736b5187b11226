//! The `ids` of a batch read over REST.

use serde::{Deserialize, Deserializer, de};
use std::ops::Deref;

/// The maximum number of ids in one request, duplicates included.
const MAX: usize = 500;

/// The parameter `ids=a,b` of a [`Query`](super::Query): 1 to 500 texts, in order, including
/// duplicates.
///
/// Commas split before percent-decoding, so that `%2C` stays in an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids(pub Vec<String>);

impl Deref for Ids {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl IntoIterator for Ids {
    type Item = String;
    type IntoIter = std::vec::IntoIter<String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'de> Deserialize<'de> for Ids {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ids = Vec::deserialize(deserializer)?;
        match ids.len() {
            0 => Err(de::Error::custom("must not be empty")),
            1..=MAX => Ok(Self(ids)),
            len => Err(de::Error::custom(format!("holds {len} entries, at most {MAX} are allowed"))),
        }
    }
}
