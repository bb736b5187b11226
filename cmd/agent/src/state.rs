//! The agent's state: services, their checks, and the index of each change. Synchronous; time is a parameter.

mod checks;

use crate::definition::catalog::Registration;
use crate::definition::{self, Status};
use crate::refusal::Refusal;
pub(crate) use checks::Check;
use checks::Checks;
use http::StatusCode;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// The maximum size of a check's stored output, in bytes.
const LONGEST_OUTPUT: usize = 4096;

/// A registered service.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) definition: definition::Service,
    pub(crate) create_index: u64,
    pub(crate) modify_index: u64,
}

/// The changes caused by the passing of time.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Elapsed {
    /// Checks that turned critical.
    pub(crate) expired: Vec<String>,
    /// Services removed because they were critical for too long.
    pub(crate) reaped: Vec<String>,
    /// When the next change is due.
    pub(crate) next: Option<Instant>,
}

/// All registrations.
#[derive(Debug)]
pub(crate) struct State {
    services: BTreeMap<String, Service>,
    checks: Checks,
    /// The index before the first change.
    origin: u64,
    index: u64,
    /// By name in lower case: the index of the last change to a service's instances or checks.
    service_indexes: BTreeMap<String, u64>,
    /// The index at which a service last lost its last instance.
    extinction: u64,
    deregister_floor: Duration,
}

impl State {
    /// Creates an empty state. Its indexes start above `index`.
    pub(crate) fn new(index: u64, deregister_floor: Duration) -> Self {
        Self {
            services: BTreeMap::new(),
            checks: Checks::default(),
            origin: index,
            index,
            service_indexes: BTreeMap::new(),
            extinction: index,
            deregister_floor,
        }
    }

    /// Returns the index of the agent's own registration.
    pub(crate) fn origin(&self) -> u64 {
        self.origin
    }

    /// Returns the index of the last change of any kind.
    pub(crate) fn index(&self) -> u64 {
        self.index
    }

    /// Returns the index of the last change to the instances of the service `name`.
    pub(crate) fn service_index(&self, name: &str) -> u64 {
        self.service_indexes.get(&name.to_lowercase()).copied().unwrap_or(self.extinction)
    }

    pub(crate) fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.values()
    }

    pub(crate) fn service(&self, id: &str) -> Option<&Service> {
        self.services.get(id)
    }

    /// Returns the instances of the service `name`, ignoring case.
    pub(crate) fn instances(&self, name: &str) -> impl Iterator<Item = &Service> {
        self.services().filter(move |service| same(&service.definition.name, name))
    }

    pub(crate) fn checks(&self) -> impl Iterator<Item = &Check> {
        self.checks.all()
    }

    pub(crate) fn checks_of(&self, service: &str) -> impl Iterator<Item = &Check> {
        self.checks.of(service)
    }

    /// Returns the worst status among the checks of a service; passing without checks.
    pub(crate) fn status(&self, service: &str) -> Status {
        self.checks_of(service).map(|check| check.status).max().unwrap_or(Status::Passing)
    }

    /// Registers a service, or updates it. An existing check keeps its status and output, and its TTL restarts. With
    /// `replace`, checks that are not in the registration are removed.
    pub(crate) fn register(
        &mut self,
        service: definition::Service,
        checks: Vec<definition::Check>,
        replace: bool,
        now: Instant,
    ) {
        let (id, name) = (service.id.clone(), service.name.clone());
        let before = self.services.get(&id).map(|before| before.definition.clone());
        if let Some(before) = before.as_ref().filter(|before| !before.name.eq_ignore_ascii_case(&name)) {
            self.deregister_as(&id, &before.name.clone());
        }
        let next = self.index + 1;
        let mut changed = before.as_ref() != Some(&service);
        if replace {
            let named = |check: &str| checks.iter().any(|named| named.id == check);
            changed |= self.checks.remove_of(&id, named);
        }
        if before.as_ref() != Some(&service) {
            let create_index = self.services.get(&id).map_or(next, |service| service.create_index);
            let service = Service { definition: service, create_index, modify_index: next };
            self.services.insert(id.clone(), service);
        }
        for check in checks {
            changed |= self.register_check(&id, check, next, now);
        }
        if changed {
            self.touch(&name);
        }
    }

    fn register_check(
        &mut self,
        service: &str,
        mut check: definition::Check,
        next: u64,
        now: Instant,
    ) -> bool {
        check.deregister_after = check.deregister_after.map(|after| after.max(self.deregister_floor));
        let known = self.checks.get(&check.id).filter(|known| known.service == service);
        let changed = known.is_none_or(|known| {
            (&known.definition.name, &known.definition.notes) != (&check.name, &check.notes)
        });
        let fresh = Check {
            service: service.to_owned(),
            status: known.map_or(check.status, |known| known.status),
            output: known.map(|known| known.output.clone()).unwrap_or_default(),
            heard: now,
            expires: check.ttl.map(|ttl| now + ttl),
            critical_since: known.and_then(|known| known.critical_since).map(|_| now),
            create_index: known.map_or(next, |known| known.create_index),
            modify_index: if changed { next } else { known.map_or(next, |known| known.modify_index) },
            definition: check,
        };
        self.checks.insert(fresh);
        changed
    }

    /// Adds a check to an existing service.
    pub(crate) fn add_check(
        &mut self,
        service: &str,
        check: definition::Check,
        now: Instant,
    ) -> Result<(), Refusal> {
        let Some(known) = self.services.get(service) else {
            return Err(Refusal::not_found(format!("ServiceID {service:?} does not exist")));
        };
        let name = known.definition.name.clone();
        if self.register_check(service, check, self.index + 1, now) {
            self.touch(&name);
        }
        Ok(())
    }

    /// Registers a service and its checks with the statuses given to the catalog.
    pub(crate) fn put(&mut self, registration: Registration, now: Instant) {
        let Registration { service, checks } = registration;
        let told: Vec<_> =
            checks.iter().map(|(check, output)| (check.id.clone(), check.status, cut(output))).collect();
        self.register(service, checks.into_iter().map(|(check, _)| check).collect(), false, now);
        for (id, status, output) in told {
            if let Some(check) = self.checks.get_mut(&id) {
                check.output = output;
            }
            self.set_status(&id, status, now);
        }
    }

    /// Removes a check.
    pub(crate) fn remove_check(&mut self, id: &str) -> Result<(), Refusal> {
        let check = self.checks.remove(id).ok_or_else(|| unknown_check(id))?;
        let service = self.services.get(&check.service).map(|service| service.definition.name.clone());
        self.touch(&service.unwrap_or_default());
        Ok(())
    }

    /// Removes a service and its checks.
    pub(crate) fn deregister(&mut self, id: &str) -> Result<(), Refusal> {
        let Some(service) = self.services.get(id) else {
            let hint = "Ensure that the service ID is passed, not the service name.";
            return Err(Refusal::not_found(format!("Unknown service ID {id:?}. {hint}")));
        };
        let name = service.definition.name.clone();
        self.deregister_as(id, &name);
        Ok(())
    }

    fn deregister_as(&mut self, id: &str, name: &str) {
        self.services.remove(id);
        self.checks.remove_of(id, |_| false);
        self.touch(name);
        if self.instances(name).next().is_none() {
            self.service_indexes.remove(&name.to_lowercase());
            self.extinction = self.index;
        }
    }

    /// Updates a check. Only a change of status counts as a change.
    pub(crate) fn update(
        &mut self,
        id: &str,
        status: Status,
        output: &str,
        now: Instant,
    ) -> Result<(), Refusal> {
        let check = self.checks.get_mut(id).ok_or_else(|| unknown_check(id))?;
        let Some(ttl) = check.definition.ttl else {
            let text = format!("CheckID {id:?} does not have associated TTL");
            return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, text));
        };
        check.heard = now;
        check.expires = Some(now + ttl);
        check.output = cut(output);
        self.set_status(id, status, now);
        Ok(())
    }

    fn set_status(&mut self, id: &str, status: Status, now: Instant) {
        let Some(check) = self.checks.get_mut(id) else { return };
        check.critical_since = match status {
            Status::Critical => check.critical_since.or(Some(now)),
            _ => None,
        };
        if check.status == status {
            return;
        }
        check.status = status;
        check.modify_index = self.index + 1;
        let service = check.service.clone();
        let name = self.services.get(&service).map(|service| service.definition.name.clone());
        self.touch(&name.unwrap_or_default());
    }

    /// Expires checks, and removes services that were critical for too long.
    pub(crate) fn elapse(&mut self, now: Instant) -> Elapsed {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let expired = self.checks().filter(|check| due(check.expires));
        let mut elapsed = Elapsed {
            expired: expired.map(|check| check.definition.id.clone()).collect(),
            ..Elapsed::default()
        };
        for id in &elapsed.expired {
            if let Some(check) = self.checks.get_mut(id) {
                check.expires = None;
                check.output = match &*check.output {
                    "" => "TTL expired".to_owned(),
                    last => format!("TTL expired (last output before timeout follows): {last}"),
                };
            }
            self.set_status(id, Status::Critical, now);
        }
        let dead = self.checks().filter(|check| due(reaped_at(check)));
        elapsed.reaped = dead.map(|check| check.service.clone()).collect();
        elapsed.reaped.dedup();
        elapsed.reaped.retain(|id| self.deregister(id).is_ok());
        elapsed.next = self.checks().flat_map(|check| [check.expires, reaped_at(check)]).flatten().min();
        elapsed
    }

    /// Records a change to the service `name`.
    fn touch(&mut self, name: &str) {
        self.index += 1;
        self.service_indexes.insert(name.to_lowercase(), self.index);
    }
}

/// Returns true if two names are equal except for case.
fn same(one: &str, other: &str) -> bool {
    fn lower(text: &str) -> impl Iterator<Item = char> {
        text.chars().flat_map(char::to_lowercase)
    }
    one == other || lower(one).eq(lower(other))
}

fn reaped_at(check: &Check) -> Option<Instant> {
    Some(check.critical_since? + check.definition.deregister_after?)
}

fn unknown_check(id: &str) -> Refusal {
    let hint = "Ensure that the check ID is passed, not the check name.";
    Refusal::not_found(format!("Unknown check ID {id:?}. {hint}"))
}

fn cut(output: &str) -> String {
    if output.len() <= LONGEST_OUTPUT {
        return output.to_owned();
    }
    let end = (0..=LONGEST_OUTPUT).rev().find(|end| output.is_char_boundary(*end)).unwrap_or(0);
    format!("{} ... (captured {end} of {} bytes)", &output[..end], output.len())
}

#[cfg(test)]
mod tests;
