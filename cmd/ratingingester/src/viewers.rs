//! Simulated users: the same movies and seed produce the same stream.
//!
//! Movies are chosen by Zipf's law, more often by users whose favourite genre they are, and rated by the user's
//! opinion of their genres; from time to time a user changes or deletes an earlier rating.

use model::{Broken, Record, RecordId, RecordType, UserId, Value};
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// The exponent of Zipf's law: the movie of rank `n` is chosen `n^-EXPONENT` times as often as the first.
const EXPONENT: f64 = 0.8;
/// How often a user looks for a movie of their favourite genre.
const FAVOURITES: f64 = 0.25;
/// How many movies are tried before any other is accepted.
const TRIES: usize = 20;
/// How often a user returns to a rated movie.
const SECOND_THOUGHTS: f64 = 0.06;
/// How many of these changes delete the rating.
const DELETED: f64 = 0.25;
/// How many ratings are remembered per user; beyond that the least popular movie is forgotten, and may be
/// rated again.
const REMEMBERED: usize = 128;
/// The number of genres of generated movies.
const GENRES: usize = 18;

/// An endless stream of the users' actions.
#[derive(Debug)]
pub struct Viewers {
    random: Xoshiro256PlusPlus,
    films: Vec<Film>,
    popularity: WeightedIndex<f64>,
    viewers: Vec<Viewer>,
}

/// A user's action on a movie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// The movie.
    pub record: Record,
    /// The user.
    pub user_id: UserId,
    /// The value; `None` deletes the rating.
    pub value: Option<Value>,
}

#[derive(Debug)]
struct Film {
    record: Record,
    genres: Vec<usize>,
    quality: f64,
}

#[derive(Debug)]
struct Viewer {
    id: UserId,
    mood: f64,
    /// The opinions of each genre.
    tastes: Vec<f64>,
    favourite: usize,
    ratings: Vec<Seen>,
}

/// A rated movie, by popularity.
#[derive(Clone, Copy, Debug)]
struct Seen {
    film: usize,
    value: Value,
}

impl Viewers {
    /// Creates users of `films`, the most popular first, each with the numbers of its genres.
    /// Fails if there is no movie.
    pub fn new(
        viewers: usize,
        films: impl IntoIterator<Item = (RecordId, Vec<usize>)>,
        seed: u64,
    ) -> Result<Self, Broken> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let record_type = RecordType::movie();
        let films = films.into_iter().map(|(record_id, genres)| Film {
            record: Record { record_type: record_type.clone(), record_id },
            genres,
            quality: 0.7 * bell(&mut random),
        });
        let films: Vec<Film> = films.collect();
        let genres = films.iter().flat_map(|film| &film.genres).max().map_or(0, |most| most + 1);
        let weights = (1..=films.len()).map(|rank| (rank as f64).powf(-EXPONENT));
        let popularity =
            WeightedIndex::new(weights).map_err(|_| Broken::new("must have at least one movie to rate"))?;
        let viewers = (1..=viewers).map(|number| Viewer::new(number, genres, &mut random));
        let viewers = viewers.collect::<Result<_, Broken>>()?;
        Ok(Self { random, films, popularity, viewers })
    }

    /// Creates users of generated movies with ids from `simulated-1` on, which no other source uses.
    pub fn of_films(viewers: usize, films: usize, seed: u64) -> Result<Self, Broken> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed.wrapping_add(1));
        let films = (1..=films).map(|number| {
            let genres = (0..random.random_range(1..=3)).map(|_| random.random_range(0..GENRES));
            Ok((RecordId::new(format!("simulated-{number}"))?, genres.collect()))
        });
        Self::new(viewers, films.collect::<Result<Vec<_>, Broken>>()?, seed)
    }

    /// Returns a movie that `viewer` has not rated; `None` if none is found by chance.
    fn choose(&mut self, viewer: usize) -> Option<usize> {
        let Viewer { favourite, ratings, .. } = &self.viewers[viewer];
        let (films, popularity, random) = (&self.films, &self.popularity, &mut self.random);
        let picky = random.random_bool(FAVOURITES);
        let mut find = |tries: usize, wanted: &dyn Fn(&Film) -> bool| {
            (0..tries)
                .map(|_| popularity.sample(random))
                .find(|&film| wanted(&films[film]) && place(ratings, film).is_err())
        };
        let favoured = if picky { find(TRIES, &|film| film.genres.contains(favourite)) } else { None };
        favoured.or_else(|| find(films.len(), &|_| true))
    }

    /// Returns the first opinion of `viewer` on `film`.
    fn opinion(&mut self, viewer: usize, film: usize) -> Value {
        let (viewer, film) = (&self.viewers[viewer], &self.films[film]);
        let taste: f64 = film.genres.iter().map(|&genre| viewer.tastes[genre]).sum();
        let taste = taste / film.genres.len().max(1) as f64;
        value(7.1 + film.quality + viewer.mood + taste + bell(&mut self.random))
    }

    /// Returns a value other than `before`, but near it.
    fn reconsidered(&mut self, before: Value) -> Value {
        let by = if self.random.random_bool(0.7) { 1.0 } else { 2.0 };
        let up = self.random.random_bool(0.5);
        let moved = |by: f64| value(f64::from(before.get()) + by);
        let first = moved(if up { by } else { -by });
        if first == before { moved(if up { -by } else { by }) } else { first }
    }

    fn act(&mut self, viewer: usize, film: usize, value: Option<Value>) -> Act {
        let who = &mut self.viewers[viewer];
        who.remember(film, value);
        Act { record: self.films[film].record.clone(), user_id: who.id.clone(), value }
    }

    fn reconsider(&mut self, viewer: usize) -> Option<Act> {
        let ratings = &self.viewers[viewer].ratings;
        if ratings.is_empty() {
            return None;
        }
        let Seen { film, value } = ratings[self.random.random_range(0..ratings.len())];
        let deleted = self.random.random_bool(DELETED);
        let value = if deleted { None } else { Some(self.reconsidered(value)) };
        Some(self.act(viewer, film, value))
    }
}

impl Iterator for Viewers {
    type Item = Act;

    fn next(&mut self) -> Option<Act> {
        let viewer = self.random.random_range(0..self.viewers.len());
        if self.random.random_bool(SECOND_THOUGHTS)
            && let Some(act) = self.reconsider(viewer)
        {
            return Some(act);
        }
        match self.choose(viewer) {
            Some(film) => {
                let value = self.opinion(viewer, film);
                Some(self.act(viewer, film, Some(value)))
            }
            None => self.reconsider(viewer),
        }
    }
}

impl Viewer {
    fn new(number: usize, genres: usize, random: &mut Xoshiro256PlusPlus) -> Result<Self, Broken> {
        let mood = 1.2 * bell(random);
        let tastes: Vec<f64> = (0..genres).map(|_| 1.6 * bell(random)).collect();
        let favourite = (0..genres).max_by(|&a, &b| tastes[a].total_cmp(&tastes[b])).unwrap_or_default();
        let id = UserId::new(format!("viewer-{number}"))?;
        Ok(Self { id, mood, tastes, favourite, ratings: Vec::new() })
    }

    fn remember(&mut self, film: usize, value: Option<Value>) {
        match (place(&self.ratings, film), value) {
            (Ok(at), Some(value)) => self.ratings[at].value = value,
            (Ok(at), None) => drop(self.ratings.remove(at)),
            (Err(at), Some(value)) => self.ratings.insert(at, Seen { film, value }),
            (Err(_), None) => {}
        }
        self.ratings.truncate(REMEMBERED);
    }
}

/// Returns the index of the film in `ratings`, or where it would be.
fn place(ratings: &[Seen], film: usize) -> Result<usize, usize> {
    ratings.binary_search_by_key(&film, |seen| seen.film)
}

/// Returns a number around 0, seldom beyond 2 on either side: the sum of three uniform ones.
fn bell(random: &mut Xoshiro256PlusPlus) -> f64 {
    (0..3).map(|_| random.random_range(-1.0..1.0)).sum()
}

/// Returns the value nearest to `opinion`.
fn value(opinion: f64) -> Value {
    let whole = opinion.round().clamp(1.0, 10.0) as i64;
    Value::new(whole).unwrap_or_else(|_| unreachable!("{whole} is clamped to the range of values"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn viewers(seed: u64) -> Viewers {
        Viewers::of_films(400, 100, seed).unwrap()
    }

    #[test]
    fn same_seed_gives_same_acts() {
        let first: Vec<Act> = viewers(7).take(2_000).collect();
        assert!(viewers(7).take(2_000).eq(first.iter().cloned()));
        assert!(!viewers(8).take(2_000).eq(first));
    }

    #[test]
    fn popular_films_are_rated_more_often_and_none_is_forgotten() {
        let mut counts = HashMap::new();
        for act in viewers(1).take(20_000) {
            let rank = act.record.record_id.as_str().strip_prefix("simulated-").unwrap();
            *counts.entry(rank.parse::<usize>().unwrap()).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 100);
        let among = |ranks: std::ops::RangeInclusive<usize>| ranks.map(|rank| counts[&rank]).sum::<usize>();
        let (first, middle, last) = (among(1..=10), among(31..=40), among(91..=100));
        assert!(2 * first > 3 * middle && middle > last, "{first} {middle} {last}");
    }

    #[test]
    fn users_rate_more_of_their_favourite_genre() {
        let mut stream = Viewers::of_films(50, 2_000, 1).unwrap();
        let (mut favoured, mut all) = (0.0, 0.0);
        for _ in 0..4_000 {
            let viewer = stream.random.random_range(0..stream.viewers.len());
            if let Some(film) = stream.choose(viewer) {
                let favourite = stream.viewers[viewer].favourite;
                favoured += f64::from(u8::from(stream.films[film].genres.contains(&favourite)));
                all += 1.0;
            }
        }
        // A movie has two of eighteen genres on average: without favourites it would be one movie in nine.
        assert!(favoured / all > 0.22, "{favoured} of {all}");
    }

    #[test]
    fn every_value_occurs() {
        let mut counts = [0; Value::COUNT];
        for value in viewers(1).take(4_000).filter_map(|act| act.value) {
            counts[value.index()] += 1;
        }
        assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
    }

    #[test]
    fn changes_replace_or_delete_earlier_ratings() {
        let mut ratings = HashMap::new();
        let (mut changed, mut deleted) = (0, 0);
        for act in viewers(1).take(4_000) {
            let key = (act.user_id, act.record);
            match act.value {
                Some(value) => {
                    if let Some(before) = ratings.insert(key, value) {
                        assert_ne!(before, value);
                        changed += 1;
                    }
                }
                None => {
                    assert!(ratings.remove(&key).is_some());
                    deleted += 1;
                }
            }
        }
        assert!(changed > deleted && deleted > 10, "{changed} {deleted}");
    }

    #[test]
    fn stream_continues_when_everything_is_rated_and_memory_is_bounded() {
        assert_eq!(Viewers::of_films(2, 2, 1).unwrap().take(10_000).count(), 10_000);
        let mut stream = Viewers::of_films(1, 1_000, 1).unwrap();
        assert_eq!(stream.by_ref().take(10_000).count(), 10_000);
        assert_eq!(stream.viewers[0].ratings.len(), REMEMBERED);
    }

    #[test]
    fn users_without_movies_are_rejected() {
        assert!(Viewers::of_films(1, 0, 1).is_err());
    }
}
