//! All checks, indexed by id and by service.

use crate::definition::{self, Status};
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;

/// A check of a registered service.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) definition: definition::Check,
    /// The id of its service.
    pub(crate) service: String,
    pub(crate) status: Status,
    pub(crate) output: String,
    /// When it was last updated.
    pub(crate) heard: Instant,
    /// When it turns critical unless it is updated before.
    pub(super) expires: Option<Instant>,
    /// Since when its service counts as dead.
    pub(super) critical_since: Option<Instant>,
    pub(crate) create_index: u64,
    pub(crate) modify_index: u64,
}

/// The checks of all services.
#[derive(Debug, Default)]
pub(super) struct Checks {
    by_id: BTreeMap<String, Check>,
    /// The ids of each service's checks.
    owned: BTreeSet<(String, String)>,
}

impl Checks {
    pub(super) fn all(&self) -> impl Iterator<Item = &Check> {
        self.by_id.values()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Check> {
        self.by_id.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Check> {
        self.by_id.get_mut(id)
    }

    /// Returns the checks of a service, ordered by id.
    pub(super) fn of(&self, service: &str) -> impl Iterator<Item = &Check> {
        let from = (service.to_owned(), String::new());
        let own = self.owned.range(from..).take_while(move |(owner, _)| owner == service);
        own.filter_map(|(_, id)| self.by_id.get(id))
    }

    /// Inserts a check, replacing one with the same id.
    pub(super) fn insert(&mut self, check: Check) {
        self.remove(&check.definition.id);
        self.owned.insert((check.service.clone(), check.definition.id.clone()));
        self.by_id.insert(check.definition.id.clone(), check);
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<Check> {
        let check = self.by_id.remove(id)?;
        self.owned.remove(&(check.service.clone(), id.to_owned()));
        Some(check)
    }

    /// Removes the checks of a service that are not `kept`; returns whether there were any.
    pub(super) fn remove_of(&mut self, service: &str, kept: impl Fn(&str) -> bool) -> bool {
        let ids = self.of(service).map(|check| check.definition.id.clone());
        let dropped: Vec<String> = ids.filter(|id| !kept(id)).collect();
        dropped.iter().for_each(|id| drop(self.remove(id)));
        !dropped.is_empty()
    }
}
