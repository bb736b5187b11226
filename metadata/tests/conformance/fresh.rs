//! Readers beside writers: who asks after a write was answered is not told what was before it, and a caller who
//! goes away leaves nothing behind that isn't so.

use crate::Outcome;
use crate::films::{film, id};
use crate::store::{Instance, Store};
use model::search::Query;
use model::{Metadata, RecordId};
use rand::RngExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const OWNERS: usize = 4;
const FILMS: usize = 3;
const READERS: usize = 6;
const STEPS: usize = 60;

/// A film that one task alone writes, by turns put and deleted. Its version `n` is what the `n`th write made of
/// it: titled `Film n` where that is odd, absent where it is even.
struct Versions {
    id: RecordId,
    begun: AtomicU64,
    answered: AtomicU64,
}

impl Versions {
    /// Begins the next version: what is to be put, or `None` where it is to be deleted.
    fn next(&self) -> Option<Metadata> {
        let version = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        (version % 2 == 1).then(|| film(self.id.as_str(), &format!("Film {version}")))
    }

    fn answer(&self) {
        self.answered.store(self.begun.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Holds what was read against the versions that it may be, where `answered` was the last one to be
    /// answered before the read began.
    fn check(&self, answered: u64, read: Option<&Metadata>) {
        let begun = self.begun.load(Ordering::SeqCst);
        let version = read.map(|film| film.title.as_str()["Film ".len()..].parse::<u64>().unwrap());
        let fits = version.map_or(answered.is_multiple_of(2) || begun > answered, |version| {
            (answered..=begun).contains(&version)
        });
        assert!(fits, "read {version:?} of {} after {answered} was answered, before {begun}", self.id);
    }
}

type Films = Arc<[Versions]>;

/// Writes the versions of its films, alone or many at once.
async fn own(repository: Instance, films: Films) -> Result<(), storage::Error> {
    for _ in 0..STEPS {
        let chosen: Vec<_> = films.iter().filter(|_| rand::rng().random_bool(0.5)).collect();
        let (mut put, mut batch) = (Vec::new(), Vec::new());
        for film in chosen {
            match film.next() {
                Some(next) => {
                    put.push(film);
                    batch.push(next);
                }
                None => {
                    assert!(repository.delete(&film.id).await?);
                    film.answer();
                }
            }
        }
        repository.batch_put(&batch).await?;
        put.into_iter().for_each(Versions::answer);
    }
    Ok(())
}

/// Reads films one by one, together and by their titles until `ended`.
async fn read(repository: Instance, films: Vec<Films>, ended: Arc<AtomicBool>) -> Result<(), storage::Error> {
    while !ended.load(Ordering::SeqCst) {
        let films = &films[rand::rng().random_range(0..films.len())];
        let answered: Vec<u64> = films.iter().map(|film| film.answered.load(Ordering::SeqCst)).collect();
        if rand::rng().random_bool(0.7) {
            let place = rand::rng().random_range(0..films.len());
            let found = repository.get(&films[place].id).await?;
            films[place].check(answered[place], found.as_deref());
        } else {
            let ids: Vec<RecordId> = films.iter().map(|film| film.id.clone()).collect();
            let found: Vec<Arc<Metadata>> = if rand::rng().random_bool(0.5) {
                repository.batch_get(&ids).await?
            } else {
                let found = repository.search(&Query::new("film").unwrap(), None, 100).await?;
                found.into_iter().map(|(film, _)| film).collect()
            };
            for (film, answered) in films.iter().zip(answered) {
                film.check(answered, found.iter().find(|found| found.id == film.id).map(|found| &**found));
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

pub(crate) async fn no_read_answers_what_was_before_a_write_that_was_answered(store: Store) -> Outcome {
    let versions = |owner: usize, i: usize| Versions {
        id: id(&format!("{owner} {i}")),
        begun: AtomicU64::new(0),
        answered: AtomicU64::new(0),
    };
    let films: Vec<Films> =
        (0..OWNERS).map(|owner| (0..FILMS).map(|i| versions(owner, i)).collect()).collect();
    let ended = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..READERS)
        .map(|_| tokio::spawn(read(store.repository.clone(), films.clone(), ended.clone())))
        .collect();
    let owners: Vec<_> =
        films.iter().map(|films| tokio::spawn(own(store.repository.clone(), films.clone()))).collect();
    for owner in owners {
        owner.await??;
    }
    ended.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await??;
    }
    Ok(())
}

pub(crate) async fn a_put_whose_caller_has_gone_away_shows_or_has_not_been(store: Store) -> Outcome {
    let repository = &store.repository;
    for round in 0..100 {
        repository.get(&id("1")).await?;
        let batch = [film("1", &round.to_string())];
        let turns = rand::rng().random_range(0..60);
        let patience = async {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            put = repository.batch_put(&batch) => drop(put?),
            () = patience => {}
        }
        // Writers take turns: after this one, that one is over.
        repository.batch_put(&[film("2", &round.to_string())]).await?;
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let stored = repository.list(None, 1).await?.into_iter().find(|film| film.id.as_str() == "1");
            if repository.get(&id("1")).await? == stored {
                break;
            }
            assert!(Instant::now() < deadline, "round {round}: {stored:?} does not show");
        }
    }
    Ok(())
}
