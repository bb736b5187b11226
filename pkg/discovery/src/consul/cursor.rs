//! The state of one watch after the responses so far: the next index, the last good set, and whether a loss is
//! believed.

use super::decode::Instances;
use crate::registry::{Instance, InstanceSet};
use std::time::Duration;
use tokio::time::Instant;

/// The state of one watch; time is a parameter.
#[derive(Debug)]
pub(super) struct Cursor {
    index: u64,
    seen: Option<InstanceSet>,
    grace: Duration,
    away: bool,
    /// Until when a loss of most instances is ignored.
    doubted_until: Option<Instant>,
    /// The size of the last set from before the doubt.
    trusted: usize,
    /// Consul's current set, while a loss is ignored.
    withheld: Option<Withheld>,
}

/// A set with fewer instances than are retained.
#[derive(Debug)]
struct Withheld {
    listed: InstanceSet,
    until: Instant,
}

impl Cursor {
    pub(super) fn new(grace: Duration) -> Self {
        Self { index: 0, seen: None, grace, away: false, doubted_until: None, trusted: 0, withheld: None }
    }

    /// Returns the index of the next query; 0 requests an immediate response.
    pub(super) fn index(&self) -> u64 {
        self.index
    }

    /// Returns until when a loss is ignored, if Consul reports one.
    pub(super) fn held_until(&self) -> Option<Instant> {
        self.withheld.as_ref().map(|withheld| withheld.until)
    }

    /// Records that Consul's data was in doubt at `since`: for the grace from then on a set of less than half the
    /// size does not replace the one from before.
    pub(super) fn doubt(&mut self, since: Instant) {
        self.doubted_until = self.doubted_until.max(Some(since + self.grace));
    }

    /// Processes a response's instances; returns the set if it is new. An instance that is now listed with an invalid
    /// address stays unchanged. If the response is filtered, or most instances are gone while Consul is in doubt,
    /// missing instances are retained too.
    pub(super) fn accept(&mut self, index: u64, found: &mut Instances, now: Instant) -> Option<InstanceSet> {
        let went_back = index < self.index;
        if went_back || self.away {
            self.doubt(now);
        }
        self.away = false;
        self.index = if went_back { 0 } else { index.max(1) };

        let seen = self.seen.clone().unwrap_or_default();
        let mut set = std::mem::take(&mut found.usable);
        if !found.flaws.is_empty() {
            let spoilt = seen.iter().filter(|instance| found.flaws.contains_key(&instance.id));
            add_missing(&mut set, spoilt);
        }
        if found.filtered {
            add_missing(&mut set, seen.iter());
        }

        self.withheld = None;
        match self.doubted_until.filter(|until| now < *until && self.seen.is_some()) {
            Some(until) if set.len() * 2 < self.trusted => {
                self.withheld = Some(Withheld { listed: set.as_slice().into(), until });
                add_missing(&mut set, seen.iter());
            }
            Some(_) => {}
            None => self.trusted = set.len(),
        }
        self.replace(set.into())
    }

    /// Accepts the retained loss, once it is no longer in doubt; returns the set if it is new.
    pub(super) fn release(&mut self, now: Instant) -> Option<InstanceSet> {
        let withheld = self.withheld.as_mut()?;
        if let Some(until) = self.doubted_until.filter(|until| now < *until) {
            withheld.until = until;
            return None;
        }
        let listed = self.withheld.take()?.listed;
        self.trusted = listed.len();
        self.replace(listed)
    }

    /// Records that Consul is unreachable: the last good set stays, the index is reset.
    pub(super) fn fail(&mut self) {
        self.index = 0;
        self.away = true;
        self.withheld = None;
    }

    fn replace(&mut self, set: InstanceSet) -> Option<InstanceSet> {
        let changed = self.seen.as_ref() != Some(&set);
        changed.then(|| self.seen.insert(set).clone())
    }
}

/// Adds those of `others` whose ids are not in `set`, which is sorted by id, as all are of one service.
fn add_missing<'a>(set: &mut Vec<Instance>, others: impl Iterator<Item = &'a Instance>) {
    let is_missing = |other: &&Instance| set.binary_search_by(|one| one.id.cmp(&other.id)).is_err();
    let missing: Vec<Instance> = others.filter(is_missing).cloned().collect();
    if !missing.is_empty() {
        set.extend(missing);
        set.sort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(30);

    fn found(ids: &[&str]) -> Instances {
        let instance = |id: &&str| Instance {
            service: "rating".into(),
            id: (*id).to_owned(),
            host: "h".into(),
            port: 1,
            tags: Vec::new(),
        };
        Instances { usable: ids.iter().map(instance).collect(), ..Instances::default() }
    }

    #[test]
    fn first_response_counts_even_if_empty_and_equal_one_does_not() {
        let (mut cursor, now) = (Cursor::new(GRACE), Instant::now());
        assert_eq!(cursor.index(), 0);
        assert!(cursor.accept(7, &mut found(&[]), now).unwrap().is_empty());
        assert_eq!(cursor.index(), 7);
        assert!(cursor.accept(8, &mut found(&[]), now).is_none());
        assert_eq!(cursor.accept(9, &mut found(&["a"]), now).unwrap().len(), 1);
        assert!(cursor.accept(10, &mut found(&[]), now).unwrap().is_empty(), "nobody was away");
    }

    #[test]
    fn instance_that_becomes_invalid_stays_unchanged() {
        let (mut cursor, now) = (Cursor::new(GRACE), Instant::now());
        cursor.accept(7, &mut found(&["a", "b"]), now);
        let flaws = [("a".to_owned(), "port 0".to_owned()), ("new".to_owned(), "port 0".to_owned())].into();
        let set = cursor.accept(8, &mut Instances { flaws, ..found(&["c"]) }, now).unwrap();
        assert_eq!(set.iter().map(|instance| instance.id.as_str()).collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(cursor.accept(9, &mut found(&["c"]), now).unwrap().len(), 1, "gone is gone");
    }

    #[test]
    fn index_0_becomes_1_and_index_that_goes_back_is_reset() {
        let (mut cursor, now) = (Cursor::new(GRACE), Instant::now());
        cursor.accept(0, &mut found(&["a"]), now);
        assert_eq!(cursor.index(), 1);
        cursor.accept(90, &mut found(&["a"]), now);
        assert_eq!(cursor.accept(89, &mut found(&["a", "b"]), now).unwrap().len(), 2);
        assert_eq!(cursor.index(), 0);
    }

    #[test]
    fn failure_resets_index() {
        let (mut cursor, now) = (Cursor::new(GRACE), Instant::now());
        cursor.accept(90, &mut found(&["a"]), now);
        cursor.fail();
        assert_eq!(cursor.index(), 0);
        assert!(cursor.accept(91, &mut found(&["a"]), now).is_none(), "the same set is no news");
    }

    #[test]
    fn empty_set_after_outage_replaces_full_one_only_after_grace() {
        for outage in [Cursor::fail, |cursor: &mut Cursor| assert!(cursor.index() > 5)] {
            let (mut cursor, now) = (Cursor::new(GRACE), Instant::now());
            cursor.accept(90, &mut found(&["a", "b"]), now);
            outage(&mut cursor);
            assert!(cursor.accept(5, &mut found(&[]), now).is_none());
            assert_eq!(cursor.held_until(), Some(now + GRACE));
            let late = now + GRACE / 2;
            assert_eq!(
                cursor.accept(6, &mut found(&["b"]), late).unwrap().len(),
                1,
                "a full set counts at once"
            );
            assert_eq!(cursor.held_until(), None);
            assert!(cursor.accept(7, &mut found(&[]), late).is_none());
            assert!(cursor.accept(8, &mut found(&[]), now + GRACE).unwrap().is_empty());
        }
    }

    #[test]
    fn retained_set_is_released_once() {
        let (mut cursor, now) = (Cursor::new(GRACE), Instant::now());
        cursor.accept(90, &mut found(&["a"]), now);
        cursor.fail();
        cursor.accept(5, &mut found(&[]), now);
        assert!(cursor.release(now).is_none(), "too early");
        assert!(cursor.release(now + GRACE).unwrap().is_empty());
        assert!(cursor.release(now + GRACE).is_none());
        assert_eq!(cursor.held_until(), None);
        assert!(cursor.accept(6, &mut found(&[]), now + GRACE).is_none());
    }

    #[test]
    fn loss_of_most_is_ignored_for_grace_and_new_instances_are_not() {
        let (mut cursor, now) = (Cursor::new(GRACE), Instant::now());
        cursor.accept(7, &mut found(&["a", "b", "c", "d", "e"]), now);
        cursor.doubt(now);
        // They are lost one by one, each a small loss by itself.
        assert_eq!(cursor.accept(8, &mut found(&["a", "b", "c", "d"]), now).unwrap().len(), 4);
        assert_eq!(cursor.accept(9, &mut found(&["a", "b", "c"]), now).unwrap().len(), 3);
        assert_eq!(
            cursor.accept(10, &mut found(&["a", "f"]), now).unwrap().len(),
            4,
            "the three and a new one"
        );
        assert_eq!(cursor.held_until(), Some(now + GRACE));
        assert!(cursor.accept(11, &mut found(&["f"]), now + GRACE / 2).is_none());
        assert_eq!(cursor.accept(12, &mut found(&["a", "b", "f"]), now).unwrap().len(), 3, "most are back");
        assert_eq!(cursor.held_until(), None);
        assert!(cursor.accept(13, &mut found(&["f"]), now).is_none());
        assert_eq!(cursor.release(now + GRACE).unwrap().len(), 1);
        assert!(cursor.accept(14, &mut found(&[]), now + GRACE).unwrap().is_empty(), "no outage since");
    }

    #[test]
    fn continuing_doubt_delays_release() {
        let (mut cursor, now) = (Cursor::new(GRACE), Instant::now());
        cursor.accept(7, &mut found(&["a"]), now);
        cursor.doubt(now);
        assert!(cursor.accept(8, &mut found(&[]), now).is_none());
        cursor.doubt(now + GRACE);
        assert!(cursor.release(now + GRACE).is_none());
        assert_eq!(cursor.held_until(), Some(now + 2 * GRACE));
        assert!(cursor.release(now + 2 * GRACE).unwrap().is_empty());
    }

    #[test]
    fn instances_filtered_by_acl_are_retained() {
        let (mut cursor, now) = (Cursor::new(GRACE), Instant::now());
        cursor.accept(7, &mut found(&["a", "b"]), now);
        let filtered = |ids: &[&str]| Instances { filtered: true, ..found(ids) };
        assert!(cursor.accept(8, &mut filtered(&[]), now).is_none());
        assert_eq!(cursor.held_until(), None);
        let later = now + 100 * GRACE;
        assert_eq!(cursor.accept(9, &mut filtered(&["b", "c"]), later).unwrap().len(), 3);
        assert_eq!(cursor.accept(10, &mut found(&["c"]), later).unwrap().len(), 1);
        let mut cursor = Cursor::new(GRACE);
        assert!(cursor.accept(7, &mut filtered(&[]), now).unwrap().is_empty(), "there is no set yet");
    }
}
