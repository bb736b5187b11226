//! What bytes mean, remembered by the bytes themselves.

use crate::{OVERHEAD, Shared};
use quick_cache::Weighter;
use quick_cache::sync::Cache as Values;

#[cfg(test)]
mod tests;

/// Values that can be read from bytes, kept by these bytes and bounded in their own. The same bytes always mean
/// the same, so that what is kept needs no forgetting: what nobody comes with any more makes room for others.
#[derive(Debug)]
pub struct Memo<T> {
    values: Values<Box<[u8]>, Shared<T>, Weigh<T>>,
}

#[derive(Debug)]
struct Weigh<T>(fn(&T) -> usize);

impl<T> Clone for Weigh<T> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<T> Weighter<Box<[u8]>, Shared<T>> for Weigh<T> {
    fn weight(&self, bytes: &Box<[u8]>, value: &Shared<T>) -> u64 {
        (bytes.len() + (self.0)(value)) as u64 + OVERHEAD
    }
}

impl<T> Memo<T> {
    /// An empty memo of at most `bytes` bytes, as `weigh` counts a value with the JSON that it may get.
    #[must_use]
    pub fn new(bytes: u64, weigh: fn(&T) -> usize) -> Self {
        let entries = usize::try_from(bytes / (8 * OVERHEAD)).unwrap_or(usize::MAX);
        Self { values: Values::with_weighter(entries, bytes, Weigh(weigh)) }
    }

    /// What `bytes` mean: what is remembered, or else what `read` makes of them.
    ///
    /// # Errors
    ///
    /// That of `read`, which is not remembered.
    pub fn get_or_read<E>(
        &self,
        bytes: &[u8],
        read: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<Shared<T>, E> {
        if let Some(value) = self.values.get(bytes) {
            return Ok(value);
        }
        let value = Shared::from(read(bytes)?);
        // Copied, for they are often a slice of many more that would stay with them.
        self.values.insert(bytes.into(), value.clone());
        Ok(value)
    }

    /// How many bytes are taken at present.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.values.weight()
    }
}
