//! Simulated viewers: the same films and seed give the same events, every time.
//!
//! Films are chosen by Zipf's law, rated by what the viewer thinks of their genres, and now and then a
//! viewer has second thoughts about an earlier rating.

use model::{
    Broken, Metadata, ProviderId, Rating, RatingEvent, Record, RecordType, Timestamp, UserId, Value,
};
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;

/// How many viewers there are.
pub const VIEWERS: usize = 400;

/// The exponent of Zipf's law: the film of rank `n` is chosen `n^-EXPONENT` times as often as the first.
const EXPONENT: f64 = 0.8;
/// How often a viewer returns to a film seen before.
const SECOND_THOUGHTS: f64 = 0.06;
/// How many of the second thoughts take the rating back, instead of changing it.
const DELETED: f64 = 0.25;

/// An endless stream of what the viewers do.
pub struct Viewers {
    random: Xoshiro256PlusPlus,
    films: Vec<Film>,
    popularity: WeightedIndex<f64>,
    viewers: Vec<Viewer>,
    provider: ProviderId,
    clock: fn() -> Timestamp,
}

struct Film {
    record: Record,
    genres: Vec<usize>,
    quality: f64,
}

struct Viewer {
    id: UserId,
    mood: f64,
    tastes: Vec<f64>,
    ratings: BTreeMap<usize, Value>,
}

impl Viewers {
    /// Viewers of `films`, the most popular of which comes first, who rate at `clock`'s time. Refused where
    /// there is no film.
    pub fn new(films: &[Metadata], seed: u64, clock: fn() -> Timestamp) -> Result<Self, Broken> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut genres: Vec<&str> = films.iter().flat_map(genres_of).collect();
        genres.sort_unstable();
        genres.dedup();
        let record_type = RecordType::movie();
        let ranked = films.iter().map(|film| Film {
            record: Record { record_type: record_type.clone(), record_id: film.id.clone() },
            genres: genres_of(film).filter_map(|genre| genres.binary_search(&genre).ok()).collect(),
            quality: 0.7 * bell(&mut random),
        });
        let ranked: Vec<Film> = ranked.collect();
        let weights = (1..=films.len()).map(|rank| (rank as f64).powf(-EXPONENT));
        let popularity =
            WeightedIndex::new(weights).map_err(|_| Broken::new("must have at least one film to rate"))?;
        let viewers = (1..=VIEWERS).map(|number| {
            Ok(Viewer {
                id: UserId::new(format!("viewer-{number}"))?,
                mood: 1.2 * bell(&mut random),
                tastes: genres.iter().map(|_| 1.6 * bell(&mut random)).collect(),
                ratings: BTreeMap::new(),
            })
        });
        let viewers = viewers.collect::<Result<_, Broken>>()?;
        let provider = ProviderId::new("viewers")?;
        Ok(Self { random, films: ranked, popularity, viewers, provider, clock })
    }

    /// A film that `viewer` has not rated, `None` where luck finds none.
    fn choose(&mut self, viewer: usize) -> Option<usize> {
        let seen = &self.viewers[viewer].ratings;
        let tries = self.films.len();
        (0..tries).map(|_| self.popularity.sample(&mut self.random)).find(|film| !seen.contains_key(film))
    }

    /// What `viewer` thinks of `film` at first sight.
    fn opinion(&mut self, viewer: usize, film: usize) -> Value {
        let (viewer, film) = (&self.viewers[viewer], &self.films[film]);
        let taste: f64 = film.genres.iter().map(|&genre| viewer.tastes[genre]).sum();
        let taste = taste / film.genres.len().max(1) as f64;
        value(7.1 + film.quality + viewer.mood + taste + bell(&mut self.random))
    }

    /// Another value than `before`, not far from it.
    fn reconsidered(&mut self, before: Value) -> Value {
        let by = if self.random.random_bool(0.7) { 1.0 } else { 2.0 };
        let up = self.random.random_bool(0.5);
        let moved = |by: f64| value(f64::from(before.get()) + by);
        let first = moved(if up { by } else { -by });
        if first == before { moved(if up { -by } else { by }) } else { first }
    }

    fn put(&mut self, viewer: usize, film: usize, value: Value) -> RatingEvent {
        let who = &mut self.viewers[viewer];
        who.ratings.insert(film, value);
        RatingEvent::Put(Rating {
            record: self.films[film].record.clone(),
            user_id: who.id.clone(),
            value,
            provider_id: Some(self.provider.clone()),
            rated_at: (self.clock)(),
        })
    }

    fn delete(&mut self, viewer: usize, film: usize) -> RatingEvent {
        let who = &mut self.viewers[viewer];
        who.ratings.remove(&film);
        RatingEvent::Delete { record: self.films[film].record.clone(), user_id: who.id.clone() }
    }

    fn reconsider(&mut self, viewer: usize) -> Option<RatingEvent> {
        let ratings = &self.viewers[viewer].ratings;
        if ratings.is_empty() {
            return None;
        }
        let nth = self.random.random_range(0..ratings.len());
        let (film, before) = ratings.iter().nth(nth).map(|(&film, &value)| (film, value))?;
        if self.random.random_bool(DELETED) {
            return Some(self.delete(viewer, film));
        }
        let value = self.reconsidered(before);
        Some(self.put(viewer, film, value))
    }
}

impl Iterator for Viewers {
    type Item = RatingEvent;

    fn next(&mut self) -> Option<RatingEvent> {
        let viewer = self.random.random_range(0..VIEWERS);
        if self.random.random_bool(SECOND_THOUGHTS)
            && let Some(event) = self.reconsider(viewer)
        {
            return Some(event);
        }
        match self.choose(viewer) {
            Some(film) => {
                let value = self.opinion(viewer, film);
                Some(self.put(viewer, film, value))
            }
            None => self.reconsider(viewer),
        }
    }
}

fn genres_of(film: &Metadata) -> impl Iterator<Item = &str> {
    film.genres.as_slice().iter().map(String::as_str)
}

/// A number around 0, seldom beyond 2 on either side: the sum of three even ones.
fn bell(random: &mut Xoshiro256PlusPlus) -> f64 {
    (0..3).map(|_| random.random_range(-1.0..1.0)).sum()
}

/// The value nearest to `opinion`.
fn value(opinion: f64) -> Value {
    let whole = opinion.round().clamp(1.0, 10.0) as i64;
    Value::new(whole).unwrap_or_else(|_| unreachable!("{whole} is clamped to the range of values"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;
    use std::collections::HashMap;

    fn clock() -> Timestamp {
        Timestamp::from_millis(1_000_000_000_000).unwrap()
    }

    fn viewers(seed: u64) -> Viewers {
        Viewers::new(&catalogue::films().unwrap(), seed, clock).unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_events() {
        let first: Vec<RatingEvent> = viewers(7).take(2_000).collect();
        assert!(viewers(7).take(2_000).eq(first.iter().cloned()));
        assert!(!viewers(8).take(2_000).eq(first));
    }

    #[test]
    fn popular_films_are_rated_more_often_and_none_is_forgotten() {
        let mut counts = HashMap::new();
        for event in viewers(1).take(4_000) {
            *counts.entry(event.record().record_id.as_str().parse::<usize>().unwrap()).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), catalogue::films().unwrap().len());
        let (first, tenth, last) = (counts[&1], counts[&10], counts[&104]);
        assert!(first > 2 * tenth && tenth > 2 * last, "{first} {tenth} {last}");
    }

    #[test]
    fn every_value_occurs() {
        let mut counts = [0; Value::COUNT];
        for event in viewers(1).take(4_000) {
            if let RatingEvent::Put(rating) = event {
                counts[rating.value.index()] += 1;
            }
        }
        assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
    }

    #[test]
    fn second_thoughts_change_or_take_back_what_was_rated() {
        let mut ratings = HashMap::new();
        let (mut changed, mut deleted) = (0, 0);
        for event in viewers(1).take(4_000) {
            match event {
                RatingEvent::Put(rating) => {
                    if let Some(before) = ratings.insert((rating.user_id, rating.record), rating.value) {
                        assert_ne!(before, rating.value);
                        changed += 1;
                    }
                }
                RatingEvent::Delete { record, user_id } => {
                    assert!(ratings.remove(&(user_id, record)).is_some());
                    deleted += 1;
                }
            }
        }
        assert!(changed > deleted && deleted > 10, "{changed} {deleted}");
    }

    #[test]
    fn the_stream_goes_on_when_everything_is_rated() {
        let films = &catalogue::films().unwrap()[..2];
        assert_eq!(Viewers::new(films, 1, clock).unwrap().take(10_000).count(), 10_000);
    }

    #[test]
    fn without_a_film_there_is_nothing_to_rate() {
        assert!(Viewers::new(&[], 1, clock).is_err());
    }
}
