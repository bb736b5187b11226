//! A transaction of several writes against a plain map that takes them one by one.

use super::*;
use model::{Genres, Text, Title};
use proptest::prelude::*;

fn record(id: u8, title: u8) -> Metadata {
    Metadata {
        id: RecordId::new(format!("{id}")).unwrap(),
        title: Title::new(format!("Movie {title}")).unwrap(),
        description: Text::default(),
        director: Text::default(),
        release_year: None,
        genres: Genres::default(),
        revision: 0,
    }
}

fn write() -> impl Strategy<Value = Write> {
    let put = prop::collection::btree_map(0..5_u8, 0..3_u8, 1..4)
        .prop_map(|batch| Write::Put(batch.into_iter().map(|(id, title)| record(id, title)).collect()));
    prop_oneof![2 => put, 1 => (0..5_u8).prop_map(|id| Write::Delete(record(id, 0).id))]
}

/// A database that applies the plan of each transaction.
#[derive(Default)]
struct Database {
    stored: BTreeMap<RecordId, Arc<Metadata>>,
    tombstones: BTreeMap<RecordId, u64>,
    last: u64,
}

impl Database {
    fn apply(&mut self, writes: &[Write]) -> Vec<Outcome> {
        let known = self
            .stored
            .values()
            .filter(|stored| writes.iter().any(|write| write.ids().any(|id| *id == stored.id)));
        let plan = Plan::of(writes, known.cloned().collect(), self.last);
        for stored in plan.stored {
            self.tombstones.remove(&stored.id);
            self.stored.insert(stored.id.clone(), stored);
        }
        for (id, revision) in plan.deleted {
            self.stored.remove(&id);
            self.tombstones.insert(id, revision);
        }
        self.last = plan.last;
        plan.outcomes
    }
}

/// The rule, written down without transactions.
#[derive(Default)]
struct Model {
    stored: BTreeMap<RecordId, Metadata>,
    tombstones: BTreeMap<RecordId, u64>,
    last: u64,
}

impl Model {
    fn apply(&mut self, write: &Write) -> Outcome {
        match write {
            Write::Put(batch) => Outcome::Put(batch.iter().map(|put| self.put(put)).collect()),
            Write::Delete(id) => {
                let deleted = self.stored.remove(id).is_some();
                if deleted {
                    self.last += 1;
                    self.tombstones.insert(id.clone(), self.last);
                }
                Outcome::Deleted(deleted)
            }
        }
    }

    fn put(&mut self, put: &Metadata) -> Put {
        let before = self.stored.get(&put.id).cloned();
        let same = before.as_ref().is_some_and(|before| before.title == put.title);
        self.last += u64::from(!same);
        let revision = before.as_ref().filter(|_| same).map_or(self.last, |before| before.revision);
        let metadata = Metadata { revision, ..put.clone() };
        self.stored.insert(put.id.clone(), metadata.clone());
        self.tombstones.remove(&put.id);
        Put { metadata: metadata.into(), created: before.is_none() }
    }
}

proptest! {
    #[test]
    fn group_of_writes_does_what_they_do_one_by_one(
        groups in prop::collection::vec(prop::collection::vec(write(), 1..6), 1..4)
    ) {
        let (mut database, mut single, mut model) = (Database::default(), Database::default(), Model::default());
        for group in groups {
            let expected: Vec<Outcome> = group.iter().map(|write| model.apply(write)).collect();
            prop_assert_eq!(database.apply(&group), expected);
            group.chunks(1).for_each(|write| drop(single.apply(write)));
            let stored: Vec<Metadata> = database.stored.values().map(|stored| (**stored).clone()).collect();
            prop_assert_eq!(stored, model.stored.values().cloned().collect::<Vec<_>>());
            prop_assert_eq!(&single.stored, &database.stored);
            prop_assert_eq!(&database.tombstones, &model.tombstones);
            prop_assert_eq!(&database.tombstones, &single.tombstones);
            prop_assert_eq!(database.last, model.last);
            prop_assert_eq!(database.last, single.last);
        }
    }
}
