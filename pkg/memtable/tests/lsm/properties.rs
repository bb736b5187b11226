//! Random runs against a plain map.

use crate::store::{Change, Model, Store, block_on, follow, in_order, poll_times};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use storage::testing::File;

const KEYS: i64 = 16;

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Change>),
    /// A batch that is rolled back.
    Fail(Vec<Change>),
    /// A batch that is dropped after so many polls.
    Drop(Vec<Change>, usize),
    Reopen,
}

/// A batch: sorted by keys, none twice.
fn batch() -> impl Strategy<Value = Vec<Change>> {
    btree_map(0..KEYS, prop::option::weighted(0.8, 0..6_i64), 0..8)
        .prop_map(|rows| rows.into_iter().collect())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => batch().prop_map(Step::Commit),
        1 => batch().prop_map(Step::Fail),
        2 => (batch(), 0..6_usize).prop_map(|(batch, polls)| Step::Drop(batch, polls)),
        1 => Just(Step::Reopen),
    ]
}

fn run<S: Strategy>(cases: u32, strategy: S, test: impl Fn(S::Value)) {
    let mut runner =
        TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) });
    let result = runner.run(&strategy, |value| {
        test(value);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

async fn check(store: &Store, model: &Model) {
    assert_eq!(store.all(KEYS).await, *model);
    let rows = in_order(model);
    assert_eq!(store.scan((-1, -1), 100).await, rows);
    let mut paged = Vec::new();
    loop {
        let page = store.scan(paged.last().copied().unwrap_or((-1, -1)), 3).await;
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, rows);

    let keys: Vec<i64> = (0..KEYS).rev().collect();
    let found = store.items.find(keys.iter().copied());
    assert_eq!(found.pending.len() + found.others.len(), keys.len());
    assert!(found.pending.iter().all(|(place, row)| store.items.get(keys[*place]) == Some(*row)));
    assert!(found.others.iter().all(|(place, key)| keys[*place] == *key && store.items.get(*key).is_none()));
    let range = store.items.range(3..=12);
    assert!(range.is_sorted_by_key(|(key, _)| *key));
    assert_eq!(range.len(), (3..=12).filter(|key| store.items.get(*key).is_some()).count());
}

pub(crate) fn rows_agree_with_map_whatever_fails_is_dropped_or_reopened() {
    run(24, (1..12_usize, vec(step(), 0..40)), |(capacity, steps)| {
        block_on(async {
            let (file, mut model) = (File::new().unwrap(), Model::new());
            let mut store = Store::open(&file.path(), capacity).await;
            for step in steps {
                match step {
                    Step::Commit(batch) => {
                        store.apply(&batch, false).await.unwrap();
                        follow(&mut model, &batch);
                    }
                    Step::Fail(batch) => assert!(store.apply(&batch, true).await.is_err()),
                    Step::Drop(batch, polls) => model = dropped(&store, model, &batch, polls).await,
                    Step::Reopen => {
                        store.close().await;
                        store = Store::open(&file.path(), capacity).await;
                    }
                }
                check(&store, &model).await;
            }
            store.close().await;
        });
    });
}

/// Drops a batch after so many polls; returns what was found to be stored after that.
async fn dropped(store: &Store, before: Model, batch: &[Change], polls: usize) -> Model {
    let mut after = before.clone();
    follow(&mut after, batch);
    match poll_times(store.apply(batch, false), polls).await {
        Some(applied) => {
            applied.unwrap();
            after
        }
        None => {
            store.recover().await;
            let found = store.all(KEYS).await;
            assert!(found == before || found == after, "half of a batch is stored");
            found
        }
    }
}

pub(crate) fn batch_dropped_at_any_await_is_stored_whole_or_not_at_all() {
    block_on(async {
        let (file, mut model, mut lost) = (File::new().unwrap(), Model::new(), 0);
        let store = Store::open(&file.path(), 4).await;
        for round in 0..12 {
            for polls in 0..6 {
                let number = round * 10 + i64::try_from(polls).unwrap();
                let batch: Vec<Change> =
                    (0..KEYS).step_by(1 + polls).map(|key| (key, Some(number))).collect();
                let before = model.clone();
                model = dropped(&store, model, &batch, polls).await;
                lost += usize::from(model == before);
                check(&store, &model).await;
            }
        }
        assert!(lost > 0, "no batch was dropped before its commit");
        store.close().await;
    });
}

pub(crate) fn pending_rows_and_journal_stay_within_bounds() {
    run(12, (1..12_usize, vec(batch(), 0..80)), |(capacity, batches)| {
        block_on(async {
            let file = File::new().unwrap();
            let store = Store::open(&file.path(), capacity).await;
            for batch in batches {
                store.apply(&batch, false).await.unwrap();
                // A batch may be added to what was merged before it; a journal shrinks when a sweep ends.
                let (pending, journaled) = (store.items.range(0..=KEYS).len(), store.journaled().await);
                assert!(pending <= capacity + 7, "{pending} rows");
                assert!(journaled <= 4 * capacity + 5 * 7, "{journaled} changes");
            }
            store.close().await;
        });
    });
}
