//! The simulated users of the built-in movies, with current timestamps.

use model::{Broken, Metadata, ProviderId, Rating, RatingEvent, Timestamp};
use ratingingester::viewers::{self, Act};

/// The number of users.
pub const USERS: usize = 400;

/// An endless stream of the users' actions.
#[derive(Debug)]
pub struct SimulatedUsers {
    acts: viewers::Viewers,
    provider: ProviderId,
}

impl SimulatedUsers {
    /// Creates users of `movies`, the most popular first. Fails if there is no movie.
    pub fn new(movies: &[Metadata], seed: u64) -> Result<Self, Broken> {
        let mut genres: Vec<&str> = movies.iter().flat_map(genres_of).collect();
        genres.sort_unstable();
        genres.dedup();
        let numbers =
            |movie| genres_of(movie).filter_map(|genre| genres.binary_search(&genre).ok()).collect();
        let movies = movies.iter().map(|movie| (movie.id.clone(), numbers(movie)));
        Ok(Self { acts: viewers::Viewers::new(USERS, movies, seed)?, provider: ProviderId::new("viewers")? })
    }
}

impl Iterator for SimulatedUsers {
    type Item = RatingEvent;

    fn next(&mut self) -> Option<RatingEvent> {
        let Act { record, user_id, value } = self.acts.next()?;
        Some(match value {
            Some(value) => RatingEvent::Put(Rating {
                record,
                user_id,
                value,
                provider_id: Some(self.provider.clone()),
                rated_at: Timestamp::now(),
            }),
            None => RatingEvent::Delete { record, user_id },
        })
    }
}

fn genres_of(movie: &Metadata) -> impl Iterator<Item = &str> {
    movie.genres.as_slice().iter().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loading::catalogue;
    use std::collections::HashSet;

    #[test]
    fn every_film_of_the_catalogue_is_rated_by_the_same_viewers_in_every_run() {
        let movies = catalogue::movies().unwrap();
        let keys = || {
            let events = SimulatedUsers::new(&movies, 1).unwrap().take(4_000);
            events.map(|event| (event.record().clone(), matches!(event, RatingEvent::Put(_))))
        };
        assert!(keys().eq(keys()));
        assert_eq!(keys().map(|(record, _)| record).collect::<HashSet<_>>().len(), movies.len());
    }

    #[test]
    fn users_without_movies_are_rejected() {
        assert!(SimulatedUsers::new(&[], 1).is_err());
    }
}
