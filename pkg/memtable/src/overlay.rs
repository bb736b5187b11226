//! Scans of a table in the order of an index, merged with the pending rows.

use std::cmp::Ordering;
use std::future::Future;

/// By how much the limit of a scan's query grows if too many of its rows are hidden.
const GROWTH: usize = 4;

/// The keys of all pending rows, sorted: the table's rows under them are out of date.
#[derive(Debug)]
pub struct Overlay<K>(pub(crate) Vec<K>);

impl<K: Ord> Overlay<K> {
    /// Returns the first `limit` rows in the order `compare`, of the table and of `pending`: the pending rows of the scan,
    /// at least the first `limit` of them. `query` reads the first rows of the table in the same order, at most so many.
    /// It is repeated with a greater limit if most of its rows are hidden, so that all rows returned are of one query.
    pub async fn page<R, E, F: Future<Output = Result<Vec<(K, R)>, E>>>(
        &self,
        limit: usize,
        pending: Vec<R>,
        query: impl Fn(usize) -> F,
        compare: impl FnMut(&R, &R) -> Ordering,
    ) -> Result<Vec<R>, E> {
        let mut size = limit;
        let stored = loop {
            let rows = query(size).await?;
            let is_all = rows.len() < size;
            let visible = rows.into_iter().filter(|(key, _)| self.0.binary_search(key).is_err());
            let visible: Vec<R> = visible.map(|(_, row)| row).take(limit).collect();
            if is_all || visible.len() == limit {
                break visible;
            }
            // So many are enough, whatever is hidden.
            size = (size * GROWTH).min(limit + self.0.len());
        };
        let mut page = pending;
        page.extend(stored);
        page.sort_by(compare);
        page.truncate(limit);
        Ok(page)
    }
}
