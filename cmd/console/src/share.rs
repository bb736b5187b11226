//! The shares that services have of a bounded store. A full store drops the oldest entry of the service with the
//! largest share, so that a noisy service drops only its own entries: a service that uses less than an equal part of
//! the limit loses nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The maximum number of services with a share of their own; all others share the last one.
pub(crate) const MAX_SERVICES: usize = 64;

/// The name of the share of all services beyond the maximum.
const OTHERS: &str = "(others)";

/// The share of one service.
#[derive(Debug)]
pub(crate) struct Share {
    name: Arc<str>,
    entries: usize,
    bytes: usize,
    dropped: u64,
}

/// The shares of all services, by index.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    shares: Vec<Share>,
    indexes: HashMap<Arc<str>, usize>,
}

impl Shares {
    /// Returns the index of the share of `service`, a new one for a new service.
    pub(crate) fn index(&mut self, service: &Arc<str>) -> usize {
        if let Some(&index) = self.indexes.get(service) {
            return index;
        }
        let last = MAX_SERVICES - 1;
        match self.shares.len() {
            full if full > last => return last,
            length if length == last => self.push(OTHERS.into()),
            _ => self.push(Arc::clone(service)),
        }
        let index = self.shares.len() - 1;
        // The names of services beyond the maximum are not stored: they could be any number.
        if index < last {
            self.indexes.insert(Arc::clone(service), index);
        }
        index
    }

    fn push(&mut self, name: Arc<str>) {
        self.shares.push(Share { name, entries: 0, bytes: 0, dropped: 0 });
    }

    /// Returns the index of the share named `service`, if there is one.
    pub(crate) fn find(&self, service: &str) -> Option<usize> {
        self.shares.iter().position(|share| &*share.name == service)
    }

    /// Adds entries and bytes to a share.
    pub(crate) fn add(&mut self, index: usize, entries: usize, bytes: usize) {
        self.shares[index].entries += entries;
        self.shares[index].bytes += bytes;
    }

    /// Removes entries and bytes from a share.
    pub(crate) fn remove(&mut self, index: usize, entries: usize, bytes: usize) {
        self.shares[index].entries -= entries;
        self.shares[index].bytes -= bytes;
    }

    /// Counts an entry that was dropped.
    pub(crate) fn count_dropped(&mut self, index: usize) {
        self.shares[index].dropped += 1;
    }

    /// Returns the share with the most bytes.
    pub(crate) fn largest(&self) -> Option<usize> {
        (0..self.shares.len()).max_by_key(|&index| self.shares[index].bytes)
    }

    /// Returns the share with the most entries.
    pub(crate) fn fullest(&self) -> Option<usize> {
        (0..self.shares.len()).max_by_key(|&index| self.shares[index].entries)
    }

    /// Returns the numbers of dropped entries, without services that lost none.
    pub(crate) fn dropped(&self) -> BTreeMap<Arc<str>, u64> {
        let lossy = self.shares.iter().filter(|share| share.dropped > 0);
        lossy.map(|share| (Arc::clone(&share.name), share.dropped)).collect()
    }

    /// Returns the names of the services, sorted.
    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<_> = self.shares.iter().map(|share| Arc::clone(&share.name)).collect();
        names.sort();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_beyond_maximum_share_one_entry() {
        let mut shares = Shares::default();
        let indexes: Vec<usize> = (0..1000).map(|n| shares.index(&format!("s{n}").into())).collect();
        assert_eq!(&indexes[..3], [0, 1, 2]);
        assert!(indexes[MAX_SERVICES..].iter().all(|&index| index == MAX_SERVICES - 1));
        assert_eq!(shares.index(&"s1".into()), 1);
        assert_eq!(shares.names().len(), MAX_SERVICES);
        assert_eq!(shares.indexes.len(), MAX_SERVICES - 1);
        assert_eq!(&*shares.shares[MAX_SERVICES - 1].name, OTHERS);
    }

    #[test]
    fn largest_share_is_found_by_bytes_and_by_entries() {
        let mut shares = Shares::default();
        let (a, b) = (shares.index(&"a".into()), shares.index(&"b".into()));
        shares.add(a, 10, 100);
        shares.add(b, 1, 1000);
        assert_eq!((shares.largest(), shares.fullest()), (Some(b), Some(a)));
        shares.remove(b, 1, 1000);
        shares.count_dropped(b);
        assert_eq!(shares.largest(), Some(a));
        assert_eq!(shares.dropped(), BTreeMap::from([("b".into(), 1)]));
    }
}
