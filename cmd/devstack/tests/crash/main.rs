//! Whatever is killed at any moment, each event has its effect once: the service, a real Kafka and a real
//! PostgreSQL are killed with SIGKILL while events are sent. The stored data is then compared with a recount.
//!
//! The cases start their own servers, in order to kill them, and only if `MARQUEE_TEST_KAFKA=own` allows
//! it. `MARQUEE_TEST_EVENTS` sets the number of events, `MARQUEE_TEST_SECONDS` the length of the case of
//! API calls, `MARQUEE_TEST_SEED` repeats a run, and `MARQUEE_TEST_DEVSTACK` names another build to test.

#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod calls;
mod delivery;
#[expect(dead_code, reason = "the bench needs more of it")]
mod deployment;
mod flow;
mod instances;
mod kills;
#[path = "../it/process.rs"]
#[expect(dead_code, reason = "these cases need less of it than the others")]
mod process;
mod servers;

use deployment::Kind::{Postgres, Sqlite};
use libtest_mimic::{Arguments, Failed, Trial};
use servers::Servers;
use std::process::ExitCode;
use std::sync::Arc;

type Case = fn(&Servers) -> Result<(), Failed>;

const CASES: [(&str, Case); 9] = [
    ("sqlite::the_service_killed_20_times", |servers| kills::of_the_service(servers, Sqlite)),
    ("postgres::the_service_killed_20_times", |servers| kills::of_the_service(servers, Postgres)),
    ("sqlite_and_postgres::the_broker_killed_5_times", kills::of_the_broker),
    ("postgres::the_database_killed_5_times", kills::of_the_database),
    ("postgres::instances_come_and_a_frozen_one_wakes_up", instances::freeze),
    ("sqlite::events_sent_twice_and_out_of_order", |servers| instances::twice(servers, Sqlite)),
    ("postgres::events_sent_twice_and_out_of_order", |servers| instances::twice(servers, Postgres)),
    ("postgres::calls_and_events_write_the_same_ratings", calls::and_events),
    ("sqlite::each_delivery_loses_and_doubles_what_it_may", delivery::each),
];

fn main() -> ExitCode {
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let servers = Arc::new(Servers::default());
    let missing = servers::missing();
    let cases = CASES.map(|(name, case)| {
        let name = missing.as_ref().map_or_else(|| name.to_owned(), |reason| format!("{name} ({reason})"));
        let servers = Arc::clone(&servers);
        Trial::test(name, move || case(&servers)).with_ignored_flag(missing.is_some())
    });
    let conclusion = libtest_mimic::run(&arguments, cases.into());
    servers.end();
    conclusion.exit_code()
}
