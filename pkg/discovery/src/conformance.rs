//! Conformance cases that every registry must pass, for the test programs of the implementations.

mod bench;
mod cases;
mod subject;

pub use subject::{Power, Subject};

use crate::registry::{Instance, Registry};
use crate::{consul, memory};
use async_trait::async_trait;
use bench::Bench;
use futures::future::BoxFuture;
use libtest_mimic::{Completion, Failed, Trial};
use std::sync::Arc;

/// Prepares a subject for one case.
pub type Start = fn() -> BoxFuture<'static, Result<Box<dyn Subject>, Failed>>;

/// Returns all cases as `name::case`, each on its own subject, which may be shared with others. If the
/// implementation is `missing` they are ignored, for that reason.
pub fn trials(name: &str, missing: Option<&'static str>, start: Start) -> Vec<Trial> {
    let trial = |case: &'static Case| {
        Trial::ignorable_test(format!("{name}::{}", case.name), move || match missing {
            Some(reason) => Ok(Completion::ignored_with(reason)),
            None => run(case, start),
        })
    };
    CASES.iter().map(trial).collect()
}

fn run(case: &Case, start: Start) -> Result<Completion, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let subject = start().await?;
        if let Some(reason) = case.needs.iter().find_map(|&power| subject.lacks(power)) {
            return Ok(Completion::ignored_with(reason));
        }
        let bench = Bench::new(subject);
        (case.run)(&bench).await?;
        bench.clear().await?;
        Ok(Completion::Completed)
    })
}

struct Case {
    name: &'static str,
    needs: &'static [Power],
    /// Panics or fails if the registry fails the case.
    run: for<'a> fn(&'a Bench) -> BoxFuture<'a, Result<(), Failed>>,
}

macro_rules! cases {
    ($($name:ident $(needs $power:ident)?),* $(,)?) => {
        &[$(Case {
            name: stringify!($name),
            needs: &[$(Power::$power)?],
            run: |bench| Box::pin(cases::$name(bench)),
        }),*]
    };
}

const CASES: &[Case] = cases![
    unknown_service_has_no_instances,
    instance_is_found_as_registered,
    later_watch_starts_with_current_set,
    watch_on_empty_service_wakes_at_first_registration,
    instances_are_sorted_by_id,
    tags_keep_their_order,
    id_may_contain_dots_colons_and_dashes,
    service_is_found_in_any_case_of_its_name,
    registration_with_same_id_replaces_instance,
    equal_registration_is_no_change,
    heartbeat_is_no_change,
    heartbeat_of_unknown_instance_is_not_found,
    deregistered_instance_is_removed_and_not_found,
    deregistering_twice_is_no_error,
    deregistered_instance_can_return,
    service_is_watched_separately,
    every_watch_sees_last_state,
    dropped_watch_does_not_affect_others,
    many_changes_end_with_last_state,
    concurrent_registrations_are_all_found,
    registered_instance_is_listed_until_it_stops,
    critical_instance_is_not_listed_and_heartbeat_restores_it needs Fail,
    registering_critical_instance_again_restores_it needs Fail,
    instance_without_heartbeats_is_removed_and_may_return needs Expire,
    registry_restarted_empty_has_no_instances needs Restart,
    registered_instance_returns_after_restart needs Restart,
];

#[async_trait]
impl Subject for Arc<memory::Registry> {
    fn registry(&self) -> Arc<dyn Registry> {
        self.clone()
    }

    fn lacks(&self, power: Power) -> Option<&'static str> {
        match power {
            Power::Restart => None,
            Power::Fail => Some("in memory there are no checks"),
            Power::Expire => Some("in memory an instance stays until it is deregistered"),
        }
    }

    async fn restart(&self) -> Result<(), Failed> {
        self.forget();
        Ok(())
    }

    async fn fail(&self, _: &Instance) -> Result<(), Failed> {
        unreachable!("in memory there are no checks")
    }
}

/// A Consul that is shared with others.
pub struct Consul {
    config: consul::Config,
    registry: Arc<dyn Registry>,
}

impl Consul {
    /// Creates the subject for the Consul of `config`, accessed through `registry`.
    pub fn new(config: consul::Config, registry: impl Registry) -> Self {
        Self { config, registry: Arc::new(registry) }
    }
}

#[async_trait]
impl Subject for Consul {
    fn registry(&self) -> Arc<dyn Registry> {
        self.registry.clone()
    }

    fn lacks(&self, power: Power) -> Option<&'static str> {
        (power == Power::Restart).then_some("a Consul that others use is not restarted")
    }

    async fn restart(&self) -> Result<(), Failed> {
        unreachable!("a Consul that others use is not restarted")
    }

    async fn fail(&self, instance: &Instance) -> Result<(), Failed> {
        Ok(consul::fail(&self.config, instance).await?)
    }
}
