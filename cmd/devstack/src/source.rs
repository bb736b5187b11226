//! What the stack is filled with: the built-in catalogue and its viewers, or a MovieLens folder.

use crate::viewers::Viewers;
use crate::{catalogue, config};
use anyhow::anyhow;
use model::{Metadata, RatingEvent};
use movielens::Folder;

/// The viewers' seed: every run is the same.
pub const SEED: u64 = 42;
/// How many of the viewers' ratings are there from the start.
pub const BURST: usize = 4_000;

/// Where films and ratings come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The built-in catalogue and its viewers.
    Catalogue(Vec<Metadata>),
    /// A MovieLens folder.
    MovieLens(Folder),
}

/// What may go wrong while films or ratings are read.
pub type Error = movielens::Error;

impl Source {
    /// The source that the command line names; a MovieLens folder is looked into.
    pub fn open(config: &config::Stack) -> anyhow::Result<Self> {
        Ok(match &config.movielens {
            Some(folder) => Self::MovieLens(Folder::open(folder)?),
            None => Self::Catalogue(catalogue::films()?),
        })
    }

    /// Its name as a folder: the data of two sources stay apart, as both have a film `1`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Catalogue(_) => "catalogue",
            Self::MovieLens(_) => "movielens",
        }
    }

    /// About how many films and ratings there are.
    pub fn size(&self) -> std::io::Result<(u64, u64)> {
        match self {
            Self::Catalogue(films) => Ok((films.len() as u64, BURST as u64)),
            Self::MovieLens(folder) => folder.size(),
        }
    }

    /// The films, read as they are asked for.
    pub fn films(&self) -> Result<Box<dyn Iterator<Item = Result<Metadata, Error>> + Send>, Error> {
        Ok(match self {
            Self::Catalogue(films) => Box::new(films.clone().into_iter().map(Ok)),
            Self::MovieLens(folder) => Box::new(folder.films()?),
        })
    }

    /// The ratings that are there from the start, and whose flow in as the stack runs.
    pub fn ratings(&self) -> anyhow::Result<Ratings> {
        Ok(match self {
            Self::Catalogue(films) => {
                let viewers = Viewers::new(films, SEED);
                let mut viewers = viewers.map_err(|rule| anyhow!("the catalogue {rule}"))?;
                let burst: Vec<RatingEvent> = viewers.by_ref().take(BURST).collect();
                Ratings { start: Box::new(burst.into_iter().map(Ok)), flow: Some(viewers) }
            }
            Self::MovieLens(folder) => Ratings { start: Box::new(folder.ratings()?), flow: None },
        })
    }
}

/// A source's ratings.
pub struct Ratings {
    /// Those that are loaded before the stack is ready.
    pub start: Box<dyn Iterator<Item = Result<RatingEvent, Error>> + Send>,
    /// Those that come afterwards, one by one.
    pub flow: Option<Viewers>,
}
