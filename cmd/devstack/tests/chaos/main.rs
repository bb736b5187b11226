//! Responses of the fleet while parts of it are killed, frozen, drained, replaced or misbehave: separate processes
//! under a steady load of reads, one case after the other. Counts are always asserted; times, and the full lengths of
//! outages, if `MARQUEE_CHAOS_TIMES` is set. `MARQUEE_CHAOS_PROGRAM` names another program to start than
//! that of this build.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]
#![expect(clippy::print_stdout, reason = "each case tells its counts")]

mod cases;
mod data;
mod fleet;
mod http;
mod load;
mod process;
mod report;
mod stand_in;

use data::{Backend, Data};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use report::Report;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

const TIMES: &str = "MARQUEE_CHAOS_TIMES";

type Running<'a> = Pin<Box<dyn Future<Output = Report> + 'a>>;

/// A case: its name and its function.
struct Case {
    name: &'static str,
    run: for<'a> fn(&'a Stage) -> Running<'a>,
}

macro_rules! cases {
    ($($module:ident::$name:ident),* $(,)?) => {
        &[$(Case { name: stringify!($name), run: |stage| Box::pin(cases::$module::$name(stage)) }),*]
    };
}

const CASES: &[Case] = cases![
    backends::one_rating_is_killed_and_restarted,
    backends::one_rating_is_frozen,
    backends::all_five_backends_are_replaced_in_turn,
    backends::all_ratings_are_dead_until_one_returns,
    faulty::one_instance_rejects_everything,
    faulty::one_instance_is_slow,
    faulty::closed_port_and_black_hole_are_registered,
    faulty::all_instances_fail_everything,
    registry::registry_is_killed_and_returns_empty,
    registry::registry_is_frozen_while_services_stop,
    registry::registry_is_frozen_until_all_heartbeats_expire,
    membership::instances_are_called_once_registered_and_no_more_once_deregistered,
];

/// The state shared by all cases on one kind of database.
pub(crate) struct Stage {
    backend: Backend,
    data: OnceCell<Data>,
    full: bool,
}

impl Stage {
    /// The databases, loaded by the first case.
    pub(crate) async fn data(&self) -> &Data {
        self.data.get_or_init(|| Data::load(self.backend)).await
    }

    /// Requests per second. If times are not asserted: as many as a debug build serves on two cores that
    /// are otherwise busy; PostgreSQL's pools are soon exhausted if each response waits for a core.
    pub(crate) fn rate(&self) -> u32 {
        match (self.full, self.backend) {
            (true, _) => 500,
            (false, Backend::Sqlite) => 200,
            (false, Backend::Postgres) => 100,
        }
    }

    /// Returns the length of a phase in seconds: longer if times are asserted, shorter if only counts are.
    pub(crate) fn lasts(&self, full: u64, short: u64) -> Duration {
        Duration::from_secs(if self.full { full } else { short })
    }
}

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let full = std::env::var_os(TIMES).is_some();
    let trials = Backend::ALL.into_iter().flat_map(|backend| {
        let stage = Arc::new(Stage { backend, data: OnceCell::new(), full });
        let missing = backend.missing();
        CASES.iter().map(move |case| {
            let (stage, missing) = (stage.clone(), missing.clone());
            Trial::ignorable_test(format!("{}::{}", backend.name(), case.name), move || match missing {
                Some(reason) => Ok(Completion::ignored_with(reason)),
                None => hold(&stage, case).map(|()| Completion::Completed),
            })
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

/// Runs a case, and again if only a time was missed: CI machines are shared and noisy.
fn hold(stage: &Stage, case: &Case) -> Result<(), Failed> {
    let mut report = once(stage, case)?;
    if stage.full && report.broken.is_empty() && !report.missed.is_empty() {
        println!("once more: {}", report.missed.join("; "));
        report = once(stage, case)?;
    }
    if stage.full {
        report.broken.append(&mut report.missed);
    }
    if report.broken.is_empty() { Ok(()) } else { Err(report.broken.join("; ").into()) }
}

fn once(stage: &Stage, case: &Case) -> Result<Report, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let report = runtime.block_on((case.run)(stage));
    println!("{report}");
    Ok(report)
}
