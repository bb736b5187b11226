//! The crate on a real file: random runs against a plain map, reads beside writes, and processes that are killed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod crash;
mod properties;
mod reads;
mod store;

use libtest_mimic::{Arguments, Trial};

macro_rules! trials {
    ($($module:ident::$name:ident),* $(,)?) => {
        vec![$(Trial::test(concat!(stringify!($module), "::", stringify!($name)), || {
            $module::$name();
            Ok(())
        })),*]
    };
}

fn main() {
    if crash::is_child() {
        return crash::write_until_killed();
    }
    let trials = trials![
        properties::rows_agree_with_map_whatever_fails_is_dropped_or_reopened,
        properties::batch_dropped_at_any_await_is_stored_whole_or_not_at_all,
        properties::pending_rows_and_journal_stay_within_bounds,
        reads::rows_are_never_older_than_last_commit_before_read,
        reads::reads_do_not_wait_for_open_transaction,
        crash::committed_batches_survive_killed_process,
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
