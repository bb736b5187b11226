//! The names in a batch and the keys that stand for them, which every write needs first.

use super::apply::Statements;
use super::known::{Known, Learned, unknown};
use crate::batch::{Keys, Write};
use model::RecordType;

/// A batch's records and users with their keys; `None` stands for one that has none yet.
#[derive(Debug)]
pub(in crate::repository) struct Named<'a> {
    pub(super) keys: Keys<'a>,
    pub(super) records: Vec<Option<i64>>,
    pub(super) users: Vec<Option<i64>>,
}

impl<'a> Named<'a> {
    /// Takes the keys that are known.
    pub(in crate::repository) fn of(writes: &'a [Write], known: &Known) -> Self {
        let keys = Keys::of(writes);
        Self { records: known.records(&keys.records), users: known.users(&keys.users), keys }
    }

    /// Takes the keys that are known by now of those that were not.
    pub(in crate::repository) fn take_known(&mut self, known: &Known) {
        take_known(&self.keys.records, &mut self.records, |names| known.records(names));
        take_known(&self.keys.users, &mut self.users, |names| known.users(names));
    }

    /// Whether each has a key.
    pub(in crate::repository) fn is_complete(&self) -> bool {
        self.records.iter().chain(&self.users).all(Option::is_some)
    }

    /// Looks for the keys that are missing, and gives one to whomever a put is about, and to a record its empty
    /// aggregate. What it learns is to be remembered once that is committed.
    pub(in crate::repository) async fn complete(
        &mut self,
        statements: &mut impl Statements,
    ) -> Result<Learned, storage::Error> {
        let mut learned = Learned::default();
        self.complete_records(statements, &mut learned).await?;
        self.complete_users(statements, &mut learned).await?;
        let mut new: Vec<(i64, &RecordType)> =
            learned.records.iter().map(|(record, key)| (*key, &record.record_type)).collect();
        if !new.is_empty() {
            new.sort_unstable();
            statements.add_aggregates(&new).await?;
        }
        Ok(learned)
    }

    async fn complete_records(
        &mut self,
        statements: &mut impl Statements,
        learned: &mut Learned,
    ) -> Result<(), storage::Error> {
        let Self { keys, records: found, .. } = self;
        let missing = missing(&keys.records, found);
        if missing.is_empty() {
            return Ok(());
        }
        let names = |places: &[usize]| places.iter().map(|&place| keys.records[place]).collect::<Vec<_>>();
        fill(found, &missing, statements.find_records(&names(&missing)).await?);
        let new = nameless(&missing, found, &keys.records_put);
        if !new.is_empty() {
            fill(found, &new, statements.add_records(&names(&new)).await?);
            learned.given = true;
        }
        let keyed = missing.iter().filter_map(|&place| Some((keys.records[place].clone(), found[place]?)));
        learned.records.extend(keyed);
        Ok(())
    }

    async fn complete_users(
        &mut self,
        statements: &mut impl Statements,
        learned: &mut Learned,
    ) -> Result<(), storage::Error> {
        let Self { keys, users: found, .. } = self;
        let missing = missing(&keys.users, found);
        if missing.is_empty() {
            return Ok(());
        }
        let names = |places: &[usize]| places.iter().map(|&place| keys.users[place]).collect::<Vec<_>>();
        fill(found, &missing, statements.find_raters(&names(&missing)).await?);
        let new = nameless(&missing, found, &keys.users_put);
        if !new.is_empty() {
            fill(found, &new, statements.add_raters(&names(&new)).await?);
            learned.given = true;
        }
        let keyed = missing.iter().filter_map(|&place| Some((keys.users[place].clone(), found[place]?)));
        learned.users.extend(keyed);
        Ok(())
    }
}

fn take_known<K>(names: &[&K], found: &mut [Option<i64>], known: impl Fn(&[&K]) -> Vec<Option<i64>>) {
    let missing = unknown(found);
    let known = known(&missing.iter().map(|&place| names[place]).collect::<Vec<_>>());
    for (place, key) in missing.into_iter().zip(known) {
        found[place] = key;
    }
}

/// The places of the names whose keys are not known, in the order of the names.
fn missing<K: Ord>(names: &[&K], found: &[Option<i64>]) -> Vec<usize> {
    let mut missing = unknown(found);
    missing.sort_unstable_by_key(|&place| names[place]);
    missing
}

/// Those of `places` that have no key but need one; a delete alone needs none.
fn nameless(places: &[usize], found: &[Option<i64>], put: &[bool]) -> Vec<usize> {
    places.iter().copied().filter(|&place| found[place].is_none() && put[place]).collect()
}

fn fill(found: &mut [Option<i64>], places: &[usize], keys: Vec<(usize, i64)>) {
    for (asked, key) in keys {
        found[places[asked]] = Some(key);
    }
}
