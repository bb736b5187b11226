//! Paging by key: how large a page is, and the opaque token that says where the next one starts.

use crate::Broken;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

const DIGEST: usize = 8;

/// How many rows a page holds at most: 1 to 500, 50 where the caller does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(u16);

impl Size {
    /// Holds `size` against the range.
    pub fn new(size: i64) -> Result<Self, Broken> {
        match u16::try_from(size) {
            Ok(size @ 1..=500) => Ok(Self(size)),
            _ => Err(Broken::new(format!("must be a whole number from 1 to 500, not {size}"))),
        }
    }

    /// The number of rows.
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

/// What a caller asks of a list: how much, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// How many rows at most.
    pub size: Size,
    /// The token of the page before, as the caller sent it; `None` for the first page.
    pub token: Option<String>,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The rows, in the list's order.
    pub items: Vec<T>,
    /// The token of the next page; `None` on the last one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of `rows`, which were read with one row more than `size` to see whether more follow.
    /// `key` gives a row's place in the list's order.
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

    /// The same page with every row turned into something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

/// The list that a token belongs to: its name, then its query and filters.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a>(pub &'a [&'a str]);

impl Scope<'_> {
    /// The token of the page that starts after `key`.
    pub fn token<K: Serialize>(&self, key: &K) -> Result<String, Broken> {
        let key = serde_json::to_vec(key).map_err(|error| Broken::new(error.to_string()))?;
        let mut bytes = self.digest(&key).to_vec();
        bytes.extend_from_slice(&key);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The key that `request`'s token holds; `None` where it asks for the first page. A token that was
    /// changed, or made by another list, query or filter, is refused.
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
    fn a_token_comes_back_as_its_key() {
        let scope = Scope(&["search", "star wars"]);
        let token = scope.token(&(2, 5, "tt1")).unwrap();
        let key: Option<(u32, u32, String)> = scope.after(&request(&token)).unwrap();
        assert_eq!(key, Some((2, 5, "tt1".into())));
    }

    #[test]
    fn a_token_of_another_list_or_query_is_refused() {
        let token = Scope(&["search", "ab", "c"]).token(&"x").unwrap();
        for other in [&["list"][..], &["search", "a", "bc"], &["search", "ab"]] {
            assert!(Scope(other).after::<String>(&request(&token)).is_err(), "{other:?}");
        }
    }

    #[test]
    fn a_changed_token_is_refused() {
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
    fn a_page_names_the_next_one_only_where_there_is_more() {
        let scope = Scope(&["list"]);
        let size = Size::new(2).unwrap();
        let full = Page::of(vec![1, 2, 3], size, &scope, |row| *row).unwrap();
        assert_eq!(full.items, [1, 2]);
        assert_eq!(scope.after::<i32>(&request(&full.next.unwrap())).unwrap(), Some(2));
        assert_eq!(Page::of(vec![1, 2], size, &scope, |row| *row).unwrap().next, None);
    }
}
