//! The source of the data: the built-in catalogue with simulated users, or a MovieLens folder.

use super::catalogue;
use crate::config;
use crate::loading::users::SimulatedUsers;
use anyhow::anyhow;
use model::{Metadata, RatingEvent};
use movielens::Folder;

/// The seed of the simulation: every run is the same.
pub const SEED: u64 = 42;
/// The number of simulated ratings loaded before the stack is ready.
pub const BURST: usize = 4_000;

/// The source of movies and ratings.
#[derive(Clone, Debug)]
pub enum Source {
    /// The built-in catalogue with simulated users.
    Catalogue(Vec<Metadata>),
    /// A MovieLens folder.
    MovieLens(Folder),
}

/// An error while reading movies or ratings.
pub type Error = movielens::Error;

impl Source {
    /// Returns the source given on the command line; a MovieLens folder is checked for usable rows.
    pub fn open(config: &config::Stack) -> anyhow::Result<Self> {
        Ok(match &config.movielens {
            Some(folder) => {
                let folder = Folder::open(folder)?;
                folder.check()?;
                Self::MovieLens(folder)
            }
            None => Self::Catalogue(catalogue::movies()?),
        })
    }

    /// Returns its name as a folder: the data of the two sources is separate, because both have a movie `1`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Catalogue(_) => "catalogue",
            Self::MovieLens(_) => "movielens",
        }
    }

    /// Returns the approximate number of movies and ratings.
    pub fn size(&self) -> std::io::Result<(u64, u64)> {
        match self {
            Self::Catalogue(movies) => Ok((movies.len() as u64, BURST as u64)),
            Self::MovieLens(folder) => folder.size(),
        }
    }

    /// Returns the movies, read lazily.
    pub fn movies(&self) -> Result<Box<dyn Iterator<Item = Result<Metadata, Error>> + Send>, Error> {
        Ok(match self {
            Self::Catalogue(movies) => Box::new(movies.clone().into_iter().map(Ok)),
            Self::MovieLens(folder) => Box::new(folder.films()?),
        })
    }

    /// Returns the ratings to load, and the users who continue to rate.
    pub fn ratings(&self) -> anyhow::Result<Ratings> {
        Ok(match self {
            Self::Catalogue(movies) => {
                let users = SimulatedUsers::new(movies, SEED);
                let mut users = users.map_err(|rule| anyhow!("the catalogue {rule}"))?;
                let burst: Vec<RatingEvent> = users.by_ref().take(BURST).collect();
                Ratings { start: Box::new(burst.into_iter().map(Ok)), flow: Some(users) }
            }
            Self::MovieLens(folder) => Ratings { start: Box::new(folder.ratings()?), flow: None },
        })
    }
}

/// A source's ratings.
pub struct Ratings {
    /// Loaded before the stack is ready.
    pub start: Box<dyn Iterator<Item = Result<RatingEvent, Error>> + Send>,
    /// Sent afterwards, one by one.
    pub flow: Option<SimulatedUsers>,
}
