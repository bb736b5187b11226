//! A process that is killed while it writes.

use crate::store::{Change, Model, Store, block_on, follow};
use rand::RngExt;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use storage::testing::File;

/// Names the file to the child.
const PATH: &str = "MEMTABLE_TEST_CRASH_PATH";
/// The number of the child's first batch.
const FIRST: &str = "MEMTABLE_TEST_CRASH_FIRST";
const CAPACITY: usize = 20;
const KEYS: i64 = 60;

pub(crate) fn is_child() -> bool {
    env::var_os(PATH).is_some()
}

/// Batch `number`, some keys of which it deletes.
fn batch(number: i64) -> Vec<Change> {
    let keys = (0..KEYS).filter(|key| (key * 31 + number * 17) % 7 == 0);
    keys.map(|key| (key, ((key + number) % 5 != 0).then_some(number))).collect()
}

/// What batches 1 to `last` leave.
fn model(last: i64) -> Model {
    let mut model = Model::new();
    (1..=last).for_each(|number| follow(&mut model, &batch(number)));
    model
}

/// Writes batches and prints the number of each after its commit.
pub(crate) fn write_until_killed() {
    let path = env::var_os(PATH).unwrap();
    let first: i64 = env::var(FIRST).unwrap().parse().unwrap();
    block_on(async {
        let store = Store::open(path.as_ref(), CAPACITY).await;
        for number in first.. {
            store.apply(&batch(number), false).await.unwrap();
            let mut out = std::io::stdout().lock();
            writeln!(out, "{number}").and_then(|()| out.flush()).unwrap();
        }
    });
}

pub(crate) fn committed_batches_survive_killed_process() {
    let (file, mut last) = (File::new().unwrap(), 0);
    for _ in 0..10 {
        let mut child = Command::new(env::current_exe().unwrap())
            .env(PATH, file.path())
            .env(FIRST, (last + 1).to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..rand::rng().random_range(1..40) {
            last = lines.next().unwrap().unwrap().parse().unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What the child printed before it was killed. The batch after that may have been committed as well.
        for line in lines.map_while(Result::ok) {
            last = line.parse().unwrap_or(last);
        }
        let stored = block_on(async {
            let store = Store::open(&file.path(), CAPACITY).await;
            let stored = store.all(KEYS).await;
            store.close().await;
            stored
        });
        if stored != model(last) {
            last += 1;
            assert_eq!(stored, model(last), "after batch {last}");
        }
    }
    assert!(last >= 10);
}
