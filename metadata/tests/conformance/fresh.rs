//! Concurrent readers and writers: a read that starts after a write returned sees that write, and a cancelled write
//! leaves no stale cache entry.

use crate::Outcome;
use crate::movies::{id, movie};
use crate::store::{Instance, Store};
use model::search::Query;
use model::{Metadata, RecordId};
use rand::RngExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const OWNERS: usize = 4;
const MOVIES: usize = 3;
const READERS: usize = 6;
const STEPS: usize = 60;

/// A movie that one task writes, alternately put and deleted. Version `n` is the result of the `n`th write: titled
/// `Movie n` if `n` is odd, absent if it is even.
struct Versions {
    id: RecordId,
    begun: AtomicU64,
    acknowledged: AtomicU64,
}

impl Versions {
    /// Begins the next version: the record to put, or `None` for a deletion.
    fn next(&self) -> Option<Metadata> {
        let version = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        (version % 2 == 1).then(|| movie(self.id.as_str(), &format!("Movie {version}")))
    }

    fn acknowledge(&self) {
        self.acknowledged.store(self.begun.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Asserts that `read` is one of the possible versions, given the last one that was `acknowledged` before the read
    /// began.
    fn check(&self, acknowledged: u64, read: Option<&Metadata>) {
        let begun = self.begun.load(Ordering::SeqCst);
        let version = read.map(|movie| movie.title.as_str()["Movie ".len()..].parse::<u64>().unwrap());
        let fits = version.map_or(acknowledged.is_multiple_of(2) || begun > acknowledged, |version| {
            (acknowledged..=begun).contains(&version)
        });
        assert!(
            fits,
            "read {version:?} of {} after {acknowledged} was acknowledged, before {begun}",
            self.id
        );
    }
}

type Movies = Arc<[Versions]>;

/// Writes the next versions of random movies, singly and in batches.
async fn own(repository: Instance, movies: Movies) -> Result<(), storage::Error> {
    for _ in 0..STEPS {
        let chosen: Vec<_> = movies.iter().filter(|_| rand::rng().random_bool(0.5)).collect();
        let (mut put, mut batch) = (Vec::new(), Vec::new());
        for movie in chosen {
            match movie.next() {
                Some(next) => {
                    put.push(movie);
                    batch.push(next);
                }
                None => {
                    assert!(repository.delete(&movie.id).await?);
                    movie.acknowledge();
                }
            }
        }
        repository.batch_put(&batch).await?;
        put.into_iter().for_each(Versions::acknowledge);
    }
    Ok(())
}

/// Reads movies singly, in batches and by search until `ended`.
async fn read(
    repository: Instance,
    movies: Vec<Movies>,
    ended: Arc<AtomicBool>,
) -> Result<(), storage::Error> {
    while !ended.load(Ordering::SeqCst) {
        let movies = &movies[rand::rng().random_range(0..movies.len())];
        let acknowledged: Vec<u64> =
            movies.iter().map(|movie| movie.acknowledged.load(Ordering::SeqCst)).collect();
        if rand::rng().random_bool(0.7) {
            let place = rand::rng().random_range(0..movies.len());
            let found = repository.get(&movies[place].id).await?;
            movies[place].check(acknowledged[place], found.as_deref());
        } else {
            let ids: Vec<RecordId> = movies.iter().map(|movie| movie.id.clone()).collect();
            let found: Vec<Arc<Metadata>> = if rand::rng().random_bool(0.5) {
                repository.batch_get(&ids).await?
            } else {
                let found = repository.search(&Query::new("movie").unwrap(), None, 100).await?;
                found.into_iter().map(|(movie, _)| movie).collect()
            };
            for (movie, acknowledged) in movies.iter().zip(acknowledged) {
                movie.check(
                    acknowledged,
                    found.iter().find(|found| found.id == movie.id).map(|found| &**found),
                );
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

pub(crate) async fn no_read_is_older_than_last_acknowledged_write(store: Store) -> Outcome {
    let versions = |owner: usize, i: usize| Versions {
        id: id(&format!("{owner} {i}")),
        begun: AtomicU64::new(0),
        acknowledged: AtomicU64::new(0),
    };
    let movies: Vec<Movies> =
        (0..OWNERS).map(|owner| (0..MOVIES).map(|i| versions(owner, i)).collect()).collect();
    let ended = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..READERS)
        .map(|_| tokio::spawn(read(store.repository.clone(), movies.clone(), ended.clone())))
        .collect();
    let owners: Vec<_> =
        movies.iter().map(|movies| tokio::spawn(own(store.repository.clone(), movies.clone()))).collect();
    for owner in owners {
        owner.await??;
    }
    ended.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await??;
    }
    Ok(())
}

pub(crate) async fn put_of_cancelled_caller_is_visible_or_absent(store: Store) -> Outcome {
    let repository = &store.repository;
    for round in 0..100 {
        repository.get(&id("1")).await?;
        let batch = [movie("1", &round.to_string())];
        let turns = rand::rng().random_range(0..60);
        let timeout = async {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            put = repository.batch_put(&batch) => drop(put?),
            () = timeout => {}
        }
        // Writes are serialized: once this one has returned, the other one has ended.
        repository.batch_put(&[movie("2", &round.to_string())]).await?;
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let stored = repository.list(None, 1).await?.into_iter().find(|movie| movie.id.as_str() == "1");
            if repository.get(&id("1")).await? == stored {
                break;
            }
            assert!(Instant::now() < deadline, "round {round}: {stored:?} is not visible");
        }
    }
    Ok(())
}
