//! The simulated users of the built-in movies, with current timestamps.

use model::{Broken, Metadata, ProviderId, Rating, RatingEvent, Timestamp};
use ratingingester::viewers::{self, Act};

/// The number of users.
pub const VIEWERS: usize = 400;

/// An endless stream of the users' actions.
#[derive(Debug)]
pub struct Viewers {
    acts: viewers::Viewers,
    provider: ProviderId,
}

impl Viewers {
    /// Creates users of `films`, the most popular first. Fails if there is no movie.
    pub fn new(films: &[Metadata], seed: u64) -> Result<Self, Broken> {
        let mut genres: Vec<&str> = films.iter().flat_map(genres_of).collect();
        genres.sort_unstable();
        genres.dedup();
        let numbers = |film| genres_of(film).filter_map(|genre| genres.binary_search(&genre).ok()).collect();
        let films = films.iter().map(|film| (film.id.clone(), numbers(film)));
        Ok(Self { acts: viewers::Viewers::new(VIEWERS, films, seed)?, provider: ProviderId::new("viewers")? })
    }
}

impl Iterator for Viewers {
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

fn genres_of(film: &Metadata) -> impl Iterator<Item = &str> {
    film.genres.as_slice().iter().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;
    use std::collections::HashSet;

    #[test]
    fn every_film_of_the_catalogue_is_rated_by_the_same_viewers_in_every_run() {
        let films = catalogue::films().unwrap();
        let keys = || {
            let events = Viewers::new(&films, 1).unwrap().take(4_000);
            events.map(|event| (event.record().clone(), matches!(event, RatingEvent::Put(_))))
        };
        assert!(keys().eq(keys()));
        assert_eq!(keys().map(|(record, _)| record).collect::<HashSet<_>>().len(), films.len());
    }

    #[test]
    fn users_without_movies_are_rejected() {
        assert!(Viewers::new(&[], 1).is_err());
    }
}
