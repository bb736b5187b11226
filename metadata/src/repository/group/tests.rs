//! A group of writes against the same writes one by one.

use super::*;
use crate::repository::{Repository, memory};
use model::{Genres, Text, Title};
use proptest::prelude::*;

fn record(id: u8, title: u8) -> Metadata {
    Metadata {
        id: RecordId::new(format!("{id}")).unwrap(),
        title: Title::new(format!("Film {title}")).unwrap(),
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

/// A database as the group leaves it: what is stored, and the tombstones.
#[derive(Default)]
struct Database {
    stored: BTreeMap<RecordId, Stored>,
    tombstones: BTreeMap<RecordId, u64>,
    last: u64,
}

impl Database {
    fn apply(&mut self, writes: &[Write]) -> Vec<Written> {
        let known = self
            .stored
            .values()
            .filter(|stored| writes.iter().any(|write| write.ids().any(|id| *id == stored.id)));
        let group = Group::of(writes, known.cloned().collect(), self.last);
        for stored in group.stored {
            self.tombstones.remove(&stored.id);
            self.stored.insert(stored.id.clone(), stored);
        }
        for (id, revision) in group.deleted {
            self.stored.remove(&id);
            self.tombstones.insert(id, revision);
        }
        self.last = group.last;
        group.written
    }
}

async fn one_by_one(store: &memory::Repository, writes: &[Write]) -> Vec<Written> {
    let mut written = Vec::new();
    for write in writes {
        written.push(match write {
            Write::Put(batch) => Written::Put(store.batch_put(batch).await.unwrap()),
            Write::Delete(id) => Written::Deleted(store.delete(id).await.unwrap()),
        });
    }
    written
}

proptest! {
    #[test]
    fn group_of_writes_does_what_they_do_one_by_one(
        groups in prop::collection::vec(prop::collection::vec(write(), 1..6), 1..4)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (mut database, mut single) = (Database::default(), Database::default());
        let store = memory::Repository::default();
        for group in groups {
            let expected = runtime.block_on(one_by_one(&store, &group));
            prop_assert_eq!(database.apply(&group), expected);
            group.chunks(1).for_each(|write| drop(single.apply(write)));
            let listed = runtime.block_on(store.list(None, 100)).unwrap();
            prop_assert_eq!(database.stored.values().cloned().collect::<Vec<_>>(), listed);
            prop_assert_eq!(&database.tombstones, &single.tombstones);
            prop_assert_eq!(database.last, single.last);
        }
    }
}
