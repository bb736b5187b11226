//! ResponseCache held against when they were asked for, on two workers at random.

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

fn movie(id: &RecordId, revision: u64, partial: bool) -> Movie {
    let metadata = Metadata {
        id: id.clone(),
        title: Title::new("A title").unwrap(),
        description: Text::default(),
        director: Text::default(),
        release_year: None,
        genres: Genres::default(),
        revision,
    };
    Movie {
        metadata: metadata.into(),
        rating: None,
        partial: if partial { vec![Part::Rating] } else { Vec::new() },
    }
}

fn get(answers: &ResponseCache, id: &RecordId, behind: Result<Movie, ()>) -> Result<Movie, ()> {
    answers.get_or(id, async { behind }).now_or_never().unwrap().map(Shared::into_value)
}

#[test]
fn a_whole_answer_is_kept_and_neither_a_partial_one_nor_a_failure() {
    let (answers, one) = (ResponseCache::new(Duration::from_secs(60)), id(1));
    let (partial, whole, later) = (movie(&one, 1, true), movie(&one, 2, false), movie(&one, 3, false));
    assert_eq!(get(&answers, &one, Err(())), Err(()));
    assert_eq!(get(&answers, &one, Ok(partial.clone())), Ok(partial));
    assert_eq!(get(&answers, &one, Ok(whole.clone())), Ok(whole.clone()));
    assert_eq!(get(&answers, &one, Ok(later)), Ok(whole));
    let (two, other) = (id(2), movie(&id(2), 4, false));
    assert_eq!(get(&answers, &two, Ok(other.clone())), Ok(other));
    assert_eq!((answers.hits.get(), answers.misses.get()), (1, 4));
}

/// What was answered behind, by revision: when it was asked for, and whether it was partial.
type Behind = Mutex<Vec<(Instant, bool)>>;

/// Asks for movies at random for a while; how many answers were not asked for by itself.
fn ask(answers: &ResponseCache, behind: &Behind, ttl: Duration, seed: u64) -> usize {
    let (mut random, began, mut kept) = (StdRng::seed_from_u64(seed), Instant::now(), 0);
    while began.elapsed() < 10 * ttl {
        let id = id(random.random_range(0..3));
        let (partial, fails) = (random.random_ratio(1, 5), random.random_ratio(1, 5));
        let mut own = None;
        let asked = Instant::now();
        let answer = answers.get_or(&id, async {
            let mut behind = behind.lock().unwrap();
            own = Some(behind.len() as u64);
            behind.push((Instant::now(), partial));
            if fails { Err(()) } else { Ok(movie(&id, behind.len() as u64 - 1, partial)) }
        });
        let Ok(answer) = answer.now_or_never().unwrap() else {
            assert!(fails && own.is_some());
            continue;
        };
        assert_eq!(answer.metadata.id, id);
        if own.is_some() {
            assert_eq!(own, Some(answer.metadata.revision));
            continue;
        }
        kept += 1;
        let (since, partial) = behind.lock().unwrap()[usize::try_from(answer.metadata.revision).unwrap()];
        assert!(!partial, "a partial answer was kept");
        let age = asked.saturating_duration_since(since);
        assert!(age < ttl, "kept for {age:?}");
    }
    kept
}

#[test]
fn no_worker_gets_an_answer_that_is_partial_or_too_old() {
    let ttl = Duration::from_millis(20);
    for seed in 0..4 {
        let (answers, behind) = (ResponseCache::new(ttl), Behind::default());
        let kept: usize = thread::scope(|scope| {
            let ask = |worker: u64| ask(&answers, &behind, ttl, seed * 2 + worker);
            let workers = [0, 1].map(|worker| scope.spawn(move || ask(worker)));
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        assert!(kept > 0, "seed {seed}: nothing was kept");
        assert!(behind.lock().unwrap().len() > 3 * 3, "seed {seed}: nothing was asked for again");
    }
}

#[test]
fn cache_is_bounded_in_bytes() {
    let answers = ResponseCache::new(Duration::from_secs(60));
    let long = Text::description("x".repeat(16 * 1024)).unwrap();
    for number in 0..4000 {
        let id = id(number);
        let movie = movie(&id, number, false);
        let metadata = Metadata { description: long.clone(), ..movie.metadata.into_value() };
        get(&answers, &id, Ok(Movie { metadata: metadata.into(), ..movie })).unwrap();
    }
    let bytes = answers.movies.bytes();
    assert!((BYTES / 2..=BYTES).contains(&bytes), "{bytes}");
}
