//! What is known from the answers so far: the index to ask with, and the last good set.

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
    /// Until when an empty set is not believed, as Consul was away before.
    doubted_until: Option<Instant>,
    /// When the empty set that Consul gives now is believed after all.
    held_until: Option<Instant>,
}

impl Cursor {
    pub(super) fn new(grace: Duration) -> Self {
        Self { index: 0, seen: None, grace, away: false, doubted_until: None, held_until: None }
    }

    /// The index to ask with; 0 asks for an answer at once.
    pub(super) fn index(&self) -> u64 {
        self.index
    }

    /// Until when an empty answer is being kept back, if one is.
    pub(super) fn held_until(&self) -> Option<Instant> {
        self.held_until
    }

    /// Takes an answer's instances; returns its set where it is new and believed. An instance that can't be called
    /// as it is told now stays as it was.
    pub(super) fn accept(&mut self, index: u64, found: &mut Instances, now: Instant) -> Option<InstanceSet> {
        let went_back = index < self.index;
        if went_back || self.away {
            self.doubted_until = Some(now + self.grace);
        }
        self.away = false;
        self.index = if went_back { 0 } else { index.max(1) };

        let seen = self.seen.as_deref().unwrap_or_default();
        let mut set = std::mem::take(&mut found.usable);
        if !found.flaws.is_empty() {
            // They are sorted by id, as all are of one service.
            let usable = |id: &str| set.binary_search_by(|usable| usable.id.as_str().cmp(id)).is_ok();
            let spoilt =
                |instance: &&Instance| found.flaws.contains_key(&instance.id) && !usable(&instance.id);
            let spoilt: Vec<Instance> = seen.iter().filter(spoilt).cloned().collect();
            set.extend(spoilt);
            set.sort();
        }

        let doubted = self.doubted_until.filter(|until| now < *until);
        self.held_until = doubted.filter(|_| set.is_empty() && !seen.is_empty());
        if self.held_until.is_some() || self.seen.as_deref() == Some(&set[..]) {
            return None;
        }
        self.seen = Some(set.into());
        self.seen.clone()
    }

    /// Believes the empty set that was kept back.
    pub(super) fn release(&mut self) -> InstanceSet {
        self.held_until = None;
        self.doubted_until = None;
        let empty = InstanceSet::from([]);
        self.seen = Some(empty.clone());
        empty
    }

    /// Takes note that Consul could not be asked: the last good set stays, the index counts no more.
    pub(super) fn fail(&mut self) {
        self.index = 0;
        self.away = true;
        self.held_until = None;
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
    fn the_first_answer_counts_even_if_empty_and_an_equal_one_does_not() {
        let (mut cursor, now) = (Cursor::new(GRACE), Instant::now());
        assert_eq!(cursor.index(), 0);
        assert!(cursor.accept(7, &mut found(&[]), now).unwrap().is_empty());
        assert_eq!(cursor.index(), 7);
        assert!(cursor.accept(8, &mut found(&[]), now).is_none());
        assert_eq!(cursor.accept(9, &mut found(&["a"]), now).unwrap().len(), 1);
        assert!(cursor.accept(10, &mut found(&[]), now).unwrap().is_empty(), "nobody was away");
    }

    #[test]
    fn an_instance_that_can_no_longer_be_called_stays_as_it_was() {
        let (mut cursor, now) = (Cursor::new(GRACE), Instant::now());
        cursor.accept(7, &mut found(&["a", "b"]), now);
        let flaws = [("a".to_owned(), "port 0".to_owned()), ("new".to_owned(), "port 0".to_owned())].into();
        let set = cursor.accept(8, &mut Instances { flaws, ..found(&["c"]) }, now).unwrap();
        assert_eq!(set.iter().map(|instance| instance.id.as_str()).collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(cursor.accept(9, &mut found(&["c"]), now).unwrap().len(), 1, "gone is gone");
    }

    #[test]
    fn an_index_of_0_becomes_1_and_one_that_goes_back_starts_over() {
        let (mut cursor, now) = (Cursor::new(GRACE), Instant::now());
        cursor.accept(0, &mut found(&["a"]), now);
        assert_eq!(cursor.index(), 1);
        cursor.accept(90, &mut found(&["a"]), now);
        assert_eq!(cursor.accept(89, &mut found(&["a", "b"]), now).unwrap().len(), 2);
        assert_eq!(cursor.index(), 0);
    }

    #[test]
    fn a_failure_starts_the_index_over() {
        let (mut cursor, now) = (Cursor::new(GRACE), Instant::now());
        cursor.accept(90, &mut found(&["a"]), now);
        cursor.fail();
        assert_eq!(cursor.index(), 0);
        assert!(cursor.accept(91, &mut found(&["a"]), now).is_none(), "the same set is no news");
    }

    #[test]
    fn after_an_outage_an_empty_set_replaces_a_full_one_only_after_the_grace() {
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
    fn a_set_kept_back_is_released_once() {
        let (mut cursor, now) = (Cursor::new(GRACE), Instant::now());
        cursor.accept(90, &mut found(&["a"]), now);
        cursor.fail();
        cursor.accept(5, &mut found(&[]), now);
        assert!(cursor.release().is_empty());
        assert_eq!(cursor.held_until(), None);
        assert!(cursor.accept(6, &mut found(&[]), now + GRACE).is_none());
    }
}
