//! Cached movies checked against the times of their reads, on two workers at random.

use super::*;
use futures::FutureExt;
use model::{Genres, Metadata, Part, Text, Title};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

fn id(text: impl ToString) -> RecordId {
    RecordId::new(text.to_string()).unwrap()
}

fn movie(id: &RecordId, revision: u64, partial: bool) -> MovieDetails {
    let metadata = Metadata {
        id: id.clone(),
        title: Title::new("A title").unwrap(),
        description: Text::default(),
        director: Text::default(),
        release_year: None,
        genres: Genres::default(),
        revision,
    };
    MovieDetails { metadata, rating: None, partial: if partial { vec![Part::Rating] } else { Vec::new() } }
}

fn get(cache: &ResponseCache, id: &RecordId, read: Result<MovieDetails, ()>) -> Result<MovieDetails, ()> {
    let cached = cache.get_or_read(id, async { read }).now_or_never().unwrap();
    cached.map(|cached| cached.movie.clone())
}

#[test]
fn complete_movie_is_cached_but_not_partial_movie_or_failure() {
    let (cache, one) = (ResponseCache::new(Duration::from_secs(60)), id(1));
    let (partial, whole, later) = (movie(&one, 1, true), movie(&one, 2, false), movie(&one, 3, false));
    assert_eq!(get(&cache, &one, Err(())), Err(()));
    assert_eq!(get(&cache, &one, Ok(partial.clone())), Ok(partial));
    assert_eq!(get(&cache, &one, Ok(whole.clone())), Ok(whole.clone()));
    assert_eq!(get(&cache, &one, Ok(later)), Ok(whole));
    let (two, other) = (id(2), movie(&id(2), 4, false));
    assert_eq!(get(&cache, &two, Ok(other.clone())), Ok(other));
    let cache::Statistics { hits, misses, .. } = cache.statistics();
    assert_eq!((hits, misses), (1, 4));
}

/// The reads of the services, by revision: their times, and whether their movies were partial.
type Reads = Mutex<Vec<(Instant, bool)>>;

/// Requests movies at random for a while; returns the number of movies that came from the cache.
fn request(cache: &ResponseCache, reads: &Reads, ttl: Duration, seed: u64) -> usize {
    let (mut random, began, mut hits) = (StdRng::seed_from_u64(seed), Instant::now(), 0);
    while began.elapsed() < 10 * ttl {
        let id = id(random.random_range(0..3));
        let (partial, fails) = (random.random_ratio(1, 5), random.random_ratio(1, 5));
        let mut own = None;
        let requested = Instant::now();
        let cached = cache.get_or_read(&id, async {
            let mut reads = reads.lock().unwrap();
            own = Some(reads.len() as u64);
            reads.push((Instant::now(), partial));
            if fails { Err(()) } else { Ok(movie(&id, reads.len() as u64 - 1, partial)) }
        });
        let Ok(cached) = cached.now_or_never().unwrap() else {
            assert!(fails && own.is_some());
            continue;
        };
        assert_eq!(cached.movie.metadata.id, id);
        if own.is_some() {
            assert_eq!(own, Some(cached.movie.metadata.revision));
            continue;
        }
        hits += 1;
        let (since, partial) =
            reads.lock().unwrap()[usize::try_from(cached.movie.metadata.revision).unwrap()];
        assert!(!partial, "a partial movie was cached");
        let age = requested.saturating_duration_since(since);
        assert!(age < ttl, "cached for {age:?}");
    }
    hits
}

#[test]
fn no_worker_gets_cached_movie_that_is_partial_or_too_old() {
    let ttl = Duration::from_millis(20);
    for seed in 0..4 {
        let (cache, reads) = (ResponseCache::new(ttl), Reads::default());
        let hits: usize = thread::scope(|scope| {
            let request = |worker: u64| request(&cache, &reads, ttl, seed * 2 + worker);
            let workers = [0, 1].map(|worker| scope.spawn(move || request(worker)));
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        assert!(hits > 0, "seed {seed}: nothing was cached");
        assert!(reads.lock().unwrap().len() > 3 * 3, "seed {seed}: nothing was read again");
    }
}

#[test]
fn cache_is_bounded_in_bytes() {
    let cache = ResponseCache::new(Duration::from_secs(60));
    let long = Text::description("x".repeat(16 * 1024)).unwrap();
    for number in 0..4000 {
        let id = id(number);
        let movie = movie(&id, number, false);
        let metadata = Metadata { description: long.clone(), ..movie.metadata };
        get(&cache, &id, Ok(MovieDetails { metadata, ..movie })).unwrap();
    }
    let bytes = cache.statistics().bytes;
    assert!((MAX_BYTES / 2..=MAX_BYTES).contains(&bytes), "{bytes}");
}
