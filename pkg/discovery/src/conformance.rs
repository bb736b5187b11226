//! What every registry must do: cases for test programs, run against each implementation.

mod bench;
mod cases;

use crate::registry::{Instance, Registry};
use crate::{consul, memory};
use async_trait::async_trait;
use bench::Bench;
use futures::future::BoxFuture;
use libtest_mimic::{Completion, Failed, Trial};
use std::sync::Arc;

/// What a case needs done to a registry behind its callers' backs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// Starting it again without its memory, by [`Subject::restart`].
    Restart,
    /// Declaring an instance ill, by [`Subject::fail`].
    Fail,
    /// Taking out whoever is not heard of any more, by itself.
    Expire,
}

/// A registry to be tried.
#[async_trait]
pub trait Subject: Send + Sync {
    /// The way to ask it.
    fn registry(&self) -> Arc<dyn Registry>;

    /// Why it can't do what a case needs, where it can't.
    fn lacks(&self, power: Power) -> Option<&'static str>;

    /// Loses everything, and answers again.
    async fn restart(&self) -> Result<(), Failed>;

    /// Declares `instance` ill.
    async fn fail(&self, instance: &Instance) -> Result<(), Failed>;
}

/// Prepares a subject for one case.
pub type Start = fn() -> BoxFuture<'static, Result<Box<dyn Subject>, Failed>>;

/// All cases as `name::case`, each on a subject of its own, which others may be using too. Where the
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
    /// Panics or fails where the registry fails the case.
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
    an_unknown_service_has_no_instances,
    an_instance_is_found_as_it_was_registered,
    a_later_watch_starts_with_what_is_there,
    a_watch_on_nothing_wakes_at_the_first_registration,
    instances_come_sorted_by_id,
    tags_keep_their_order,
    an_id_may_hold_dots_colons_and_dashes,
    a_service_is_found_in_any_case_of_its_name,
    the_same_id_again_replaces_the_instance,
    an_equal_registration_is_no_change,
    a_heartbeat_is_no_change,
    a_heartbeat_of_an_unknown_instance_is_not_found,
    a_deregistered_instance_is_gone_and_not_found,
    deregistering_twice_is_no_error,
    a_deregistered_instance_can_return,
    a_service_is_watched_apart_from_others,
    every_watch_sees_every_last_state,
    a_watch_that_is_dropped_leaves_the_others_alone,
    many_changes_end_with_the_last_state,
    concurrent_registrations_are_all_found,
    an_announced_instance_is_there_until_it_stops,
    an_ill_instance_is_not_listed_and_a_heartbeat_revives_it needs Fail,
    registering_an_ill_instance_again_revives_it needs Fail,
    an_instance_that_is_not_heard_of_leaves_and_may_return needs Expire,
    a_registry_restarted_empty_knows_nobody needs Restart,
    an_announced_instance_returns_after_a_restart needs Restart,
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

/// A Consul that others use as well.
pub struct Consul {
    config: consul::Config,
    registry: Arc<dyn Registry>,
}

impl Consul {
    /// The one that `config` names, asked by `registry`.
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
