//! Reads a MovieLens folder: `movies.csv` and `ratings.csv`, row by row.
//!
//! Movies and users keep their numbers as ids; half stars are doubled to values from 1 to 10. A row that can't be read
//! is an error of its own, after which reading continues.

pub mod row;
mod rows;

use model::{
    Broken, Genres, Metadata, ProviderId, Rating, RatingEvent, Record, RecordId, RecordType, ReleaseYear,
    Text, Timestamp, Title, UserId, Value,
};
use rows::Rows;
use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

const FILMS: &str = "movies.csv";
const FILM_COLUMNS: [&str; 3] = ["movieId", "title", "genres"];
const RATINGS: &str = "ratings.csv";
const RATING_COLUMNS: [&str; 4] = ["userId", "movieId", "rating", "timestamp"];
const NO_GENRES: &str = "(no genres listed)";

/// A folder that is not a MovieLens folder, or an invalid row.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder lacks a file, or the file can't be read, has other columns, or has no row that can be read.
    #[error("{} is not a MovieLens folder: {file} {reason}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The file.
        file: &'static str,
        /// The reason.
        reason: String,
    },
    /// A row is not valid CSV, violates a rule, or repeats a movie; the rows after it can be read.
    #[error("{file}, line {line}: {reason}")]
    Row {
        /// The file.
        file: &'static str,
        /// The row's first line, counted from 1.
        line: u64,
        /// The reason.
        reason: String,
    },
}

/// A MovieLens folder.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Checks that `folder` contains the two files with their columns.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let folder = Self(folder.into());
        folder.open_rows(FILMS, &FILM_COLUMNS)?;
        folder.open_rows(RATINGS, &RATING_COLUMNS)?;
        Ok(folder)
    }

    /// Returns the folder's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Checks that each of the two files has a row that can be read.
    pub fn check(&self) -> Result<(), Error> {
        self.usable(FILMS, self.films()?)?;
        self.usable(RATINGS, self.ratings()?)
    }

    fn usable<T>(
        &self,
        file: &'static str,
        rows: impl Iterator<Item = Result<T, Error>>,
    ) -> Result<(), Error> {
        let mut first = None;
        for row in rows {
            match row {
                Ok(_) => return Ok(()),
                Err(error) => first = first.or(Some(error)),
            }
        }
        let first = first.map(|error| format!("; {error}")).unwrap_or_default();
        let reason = format!("has no row that can be read{first}");
        Err(Error::Folder { folder: self.0.clone(), file, reason })
    }

    /// Returns the movies in the file's order, read lazily. Of several rows with one id, the first is kept.
    pub fn films(&self) -> Result<impl Iterator<Item = Result<Metadata, Error>> + Send + use<>, Error> {
        let mut lines: HashMap<RecordId, u64> = HashMap::new();
        self.rows(FILMS, &FILM_COLUMNS, move |row, line| {
            let film = film(row)?;
            match lines.entry(film.id.clone()) {
                Entry::Occupied(known) => {
                    Err(Broken::new(format!("movieId {} is already on line {}", film.id, known.get())))
                }
                Entry::Vacant(new) => {
                    new.insert(line);
                    Ok(film)
                }
            }
        })
    }

    /// Returns the ratings in the file's order, read lazily.
    pub fn ratings(&self) -> Result<impl Iterator<Item = Result<RatingEvent, Error>> + Send + use<>, Error> {
        let (record_type, provider) = (RecordType::movie(), provider());
        self.rows(RATINGS, &RATING_COLUMNS, move |row, _| rating(row, record_type.clone(), provider.clone()?))
    }

    /// Returns the approximate numbers of movies and ratings, by counting lines.
    pub fn size(&self) -> std::io::Result<(u64, u64)> {
        Ok((lines(&self.0.join(FILMS))?, lines(&self.0.join(RATINGS))?))
    }

    fn open_rows(&self, file: &'static str, columns: &[&str]) -> Result<Rows, Error> {
        let wrong = |reason| Error::Folder { folder: self.0.clone(), file, reason };
        Rows::open(&self.0.join(file), columns).map_err(wrong)
    }

    /// Returns the rows of a file as parsed by `parse`, which also gets their line. Ends after an error of the file.
    fn rows<T, P: FnMut(&[Cow<'_, str>], u64) -> Result<T, Broken> + Send>(
        &self,
        file: &'static str,
        columns: &[&str],
        mut parse: P,
    ) -> Result<impl Iterator<Item = Result<T, Error>> + Send + use<T, P>, Error> {
        let mut rows = Some(self.open_rows(file, columns)?);
        let folder = self.0.clone();
        Ok(std::iter::from_fn(move || {
            let next = rows.as_mut()?.next(|line, row| parse(row, line).map_err(|broken| broken.to_string()));
            match next {
                Ok(row) => row.map(|row| row.map_err(|(line, reason)| Error::Row { file, line, reason })),
                Err(error) => {
                    rows = None;
                    let reason = format!("can't be read: {error}");
                    Some(Err(Error::Folder { folder: folder.clone(), file, reason }))
                }
            }
        }))
    }
}

/// Returns the number of lines after the first.
fn lines(path: &Path) -> std::io::Result<u64> {
    let mut file = File::open(path)?;
    let (mut buffer, mut count) = (vec![0; 1 << 18], 0_u64);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(count.saturating_sub(1));
        }
        count += buffer[..read].iter().filter(|&&byte| byte == b'\n').count() as u64;
    }
}

fn provider() -> Result<ProviderId, Broken> {
    ProviderId::new("movielens")
}

fn film(row: &[Cow<'_, str>]) -> Result<Metadata, Broken> {
    let (title, release_year) = split_title(&row[1]);
    let genres = match &*row[2] {
        "" | NO_GENRES => Vec::new(),
        listed => listed.split('|').map(|genre| genre.to_owned()).collect(),
    };
    Ok(Metadata {
        id: RecordId::new(&*row[0])?,
        title: Title::new(title)?,
        description: Text::default(),
        director: Text::default(),
        release_year,
        genres: Genres::new(genres)?,
        revision: 0,
    })
}

/// Splits `Heat (1995) ` into `Heat` and 1995; a title without a year is unchanged.
fn split_title(text: &str) -> (&str, Option<ReleaseYear>) {
    let text = text.trim();
    let parted = text.strip_suffix(')').and_then(|text| text.rsplit_once(" ("));
    let dated = parted.and_then(|(title, digits)| {
        let plain = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_digit());
        let year = digits.parse().ok().filter(|_| plain).and_then(|year| ReleaseYear::new(year).ok())?;
        Some((title.trim(), year)).filter(|(title, _)| !title.is_empty())
    });
    dated.map_or((text, None), |(title, year)| (title, Some(year)))
}

fn rating(
    row: &[Cow<'_, str>],
    record_type: RecordType,
    provider: ProviderId,
) -> Result<RatingEvent, Broken> {
    let seconds = row::whole(&row[3]).ok_or_else(|| {
        Broken::new(format!("timestamp must be whole seconds since 1970, not `{}`", row[3]))
    })?;
    Ok(RatingEvent::Put(Rating {
        record: Record { record_type, record_id: RecordId::new(&*row[1])? },
        user_id: UserId::new(&*row[0])?,
        value: doubled(&row[2])?,
        provider_id: Some(provider),
        rated_at: Timestamp::from_millis(seconds.saturating_mul(1_000))?,
    }))
}

/// Returns the value of a number of stars (`0.5` to `5.0`, in steps of 0.5).
fn doubled(text: &str) -> Result<Value, Broken> {
    let stars: f64 =
        text.parse().map_err(|_| Broken::new(format!("rating must be a number, not `{text}`")))?;
    let halves = 2.0 * stars;
    if halves.fract() != 0.0 || !(1.0..=10.0).contains(&halves) {
        return Err(Broken::new(format!("rating must be 0.5 to 5.0 in steps of 0.5, not {text}")));
    }
    Value::new(halves as i64)
}

#[cfg(test)]
mod tests;
