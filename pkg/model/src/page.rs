//! Paging by key: the size of a page, and the opaque token of the next one.

use crate::Broken;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

const DIGEST: usize = 8;

/// The maximum number of rows of a page: 1 to 500, by default 50.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(u16);

impl Size {
    /// Validates a size.
    pub fn new(size: i64) -> Result<Self, Broken> {
        match u16::try_from(size) {
            Ok(size @ 1..=500) => Ok(Self(size)),
            _ => Err(Broken::new(format!("must be a whole number from 1 to 500, not {size}"))),
        }
    }

    /// Returns the number of rows.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

impl Default for Size {
    fn default() -> Self {
        Self(50)
    }
}

/// A request for a page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The maximum number of rows.
    pub size: Size,
    /// The token of the previous page, as received; `None` for the first page.
    pub token: Option<String>,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The rows, in the list's order.
    pub items: Vec<T>,
    /// The token of the next page; `None` on the last page.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Creates a page from `rows`, which were read with one row more than `size` to detect further pages.
    /// `key` returns a row's position in the list's order.
    pub fn of<K: Serialize>(
        mut rows: Vec<T>,
        size: Size,
        scope: &Scope<'_>,
        key: impl FnOnce(&T) -> K,
    ) -> Result<Self, Broken> {
        let more = rows.len() > size.get();
        rows.truncate(size.get());
        let next = match rows.last() {
            Some(last) if more => Some(scope.token(&key(last))?),
            _ => None,
        };
        Ok(Self { items: rows, next })
    }

    /// Maps every row of the page.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

/// The list that a token belongs to: its name, then its query and filters.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a>(pub &'a [&'a str]);

impl Scope<'_> {
    /// Returns the token of the page that starts after `key`.
    pub fn token<K: Serialize>(&self, key: &K) -> Result<String, Broken> {
        let key = serde_json::to_vec(key).map_err(|error| Broken::new(error.to_string()))?;
        let mut bytes = self.digest(&key).to_vec();
        bytes.extend_from_slice(&key);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Returns the key in `request`'s token; `None` for the first page. A token that was
    /// modified, or issued for another list, query or filter, is rejected.
    pub fn after<K: DeserializeOwned>(&self, request: &Request) -> Result<Option<K>, Broken> {
        let Some(token) = &request.token else { return Ok(None) };
        let refused = || Broken::new("must be a token that this list returned for the same query");
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| refused())?;
        let (digest, key) = bytes.split_at_checked(DIGEST).ok_or_else(refused)?;
        if digest != self.digest(key) {
            return Err(refused());
        }
        serde_json::from_slice(key).map(Some).map_err(|_| refused())
    }

    fn digest(&self, key: &[u8]) -> [u8; DIGEST] {
        let mut hash = Sha256::new();
        for part in self.0 {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.update(key);
        let mut digest = [0; DIGEST];
        digest.copy_from_slice(&hash.finalize()[..DIGEST]);
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(token: &str) -> Request {
        Request { size: Size::default(), token: Some(token.into()) }
    }

    #[test]
    fn token_round_trips_to_its_key() {
        let scope = Scope(&["search", "star wars"]);
        let token = scope.token(&(2, 5, "tt1")).unwrap();
        let key: Option<(u32, u32, String)> = scope.after(&request(&token)).unwrap();
        assert_eq!(key, Some((2, 5, "tt1".into())));
    }

    #[test]
    fn token_of_another_list_or_query_is_rejected() {
        let token = Scope(&["search", "ab", "c"]).token(&"x").unwrap();
        for other in [&["list"][..], &["search", "a", "bc"], &["search", "ab"]] {
            assert!(Scope(other).after::<String>(&request(&token)).is_err(), "{other:?}");
        }
    }

    #[test]
    fn modified_token_is_rejected() {
        let scope = Scope(&["list"]);
        let token = scope.token(&"tt1").unwrap();
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(scope.after::<String>(&request(&changed)).is_err(), "{changed}");
        }
        for bad in ["", "A", "!!", &token[1..]] {
            assert!(scope.after::<String>(&request(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn page_has_next_token_only_if_more_rows_follow() {
        let scope = Scope(&["list"]);
        let size = Size::new(2).unwrap();
        let full = Page::of(vec![1, 2, 3], size, &scope, |row| *row).unwrap();
        assert_eq!(full.items, [1, 2]);
        assert_eq!(scope.after::<i32>(&request(&full.next.unwrap())).unwrap(), Some(2));
        assert_eq!(Page::of(vec![1, 2], size, &scope, |row| *row).unwrap().next, None);
    }
}
