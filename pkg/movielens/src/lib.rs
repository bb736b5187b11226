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
mod tests {
    use super::*;
    use std::fs;

    const FILMS_HEADER: &str = "movieId,title,genres\r\n";
    const RATINGS_HEADER: &str = "userId,movieId,rating,timestamp\r\n";

    fn folder(films: &[u8], ratings: &[u8]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILMS), [FILMS_HEADER.as_bytes(), films].concat()).unwrap();
        fs::write(dir.path().join(RATINGS), [RATINGS_HEADER.as_bytes(), ratings].concat()).unwrap();
        dir
    }

    fn films(rows: &str) -> Vec<Metadata> {
        let dir = folder(rows.as_bytes(), b"");
        Folder::open(dir.path()).unwrap().films().unwrap().map(Result::unwrap).collect()
    }

    fn ratings(rows: &str) -> Vec<Result<RatingEvent, String>> {
        let dir = folder(b"", rows.as_bytes());
        let ratings = Folder::open(dir.path()).unwrap().ratings().unwrap();
        ratings.map(|row| row.map_err(|error| error.to_string())).collect()
    }

    #[test]
    fn quoted_title_keeps_commas_and_quotes_and_loses_year() {
        let films = films("7,\"Robot, \"\"Rusty\"\" The (L'été) (2031) \",Comedy|Sci-Fi\r\n");
        let [film] = &films[..] else { panic!("{films:?}") };
        assert_eq!(film.id.as_str(), "7");
        assert_eq!(film.title.as_str(), "Robot, \"Rusty\" The (L'été)");
        assert_eq!(film.release_year.map(ReleaseYear::get), Some(2031));
        assert_eq!(film.genres.as_slice(), ["Comedy", "Sci-Fi"]);
    }

    #[test]
    fn only_title_that_ends_in_year_is_split() {
        for (text, title, year) in [
            ("Plain (1999)", "Plain", Some(1999)),
            ("Plain  (1999)  ", "Plain", Some(1999)),
            (" Without year ", "Without year", None),
            ("A series (2006–2007)", "A series (2006–2007)", None),
            ("Stuck(1999)", "Stuck(1999)", None),
            ("Amid (1999) the title", "Amid (1999) the title", None),
            ("Short (199)", "Short (199)", None),
            ("Signed (+199)", "Signed (+199)", None),
            ("Too early (1066)", "Too early (1066)", None),
            ("Twice (1998) (1999)", "Twice (1998)", Some(1999)),
            (" (1999)", "(1999)", None),
        ] {
            let (parted, found) = split_title(text);
            assert_eq!((parted, found.map(ReleaseYear::get)), (title, year), "{text}");
        }
    }

    #[test]
    fn no_genres_listed_is_no_genre() {
        assert!(films("1,One (2000),(no genres listed)\r\n")[0].genres.as_slice().is_empty());
    }

    #[test]
    fn stars_are_doubled_and_times_are_seconds() {
        let ratings = ratings("u1,7,0.5,1000000000\r\nu2,7,5.0,1000000001\r\n");
        let [Ok(RatingEvent::Put(first)), Ok(RatingEvent::Put(second))] = &ratings[..] else {
            panic!("{ratings:?}")
        };
        assert_eq!((first.value.get(), second.value.get()), (1, 10));
        assert_eq!((first.user_id.as_str(), first.record.record_id.as_str()), ("u1", "7"));
        assert_eq!(first.rated_at.to_string(), "2001-09-09T01:46:40.000Z");
    }

    #[test]
    fn invalid_row_is_reported_with_file_line_and_reason() {
        for (row, reason) in [
            ("1,1,4.2,1", "rating must be 0.5 to 5.0 in steps of 0.5, not 4.2"),
            ("1,1,0,1", "rating must be 0.5 to 5.0 in steps of 0.5, not 0"),
            ("1,1,5.5,1", "rating must be 0.5 to 5.0 in steps of 0.5, not 5.5"),
            ("1,1,NaN,1", "rating must be 0.5 to 5.0 in steps of 0.5, not NaN"),
            ("1,1,good,1", "rating must be a number, not `good`"),
            ("1,1,4,later", "timestamp must be whole seconds since 1970, not `later`"),
            (",1,4,1", "must not be empty"),
        ] {
            let ratings = ratings(&format!("1,1,4.0,1\r\n{row}\r\n"));
            assert_eq!(ratings[1], Err(format!("ratings.csv, line 3: {reason}")));
        }
        let short = ratings("1,1,4.0\r\n");
        assert_eq!(short[0], Err("ratings.csv, line 2: must have 4 columns, not 3".into()));
    }

    #[test]
    fn rows_after_invalid_row_are_read() {
        let rows: [&[u8]; 9] = [
            b"1,One (2001),Drama",
            b"2,\"Unclosed (2002),Drama",
            b"3,Three",
            b"4,Four (2004),Drama,more",
            b"5,Am\xe9lie (2005),Drama",
            b"1,Again (2006),Drama",
            b",Nameless (2007),Drama",
            b"",
            b" 8 , \"Eight (2008)\" , Drama ",
        ];
        let dir = folder(&rows.join(&b"\r\n"[..]), b"1,1,4.2,1\n1,1,4.0,1\n");
        let folder = Folder::open(dir.path()).unwrap();
        folder.check().unwrap();
        let films: Vec<_> =
            folder.films().unwrap().map(|film| film.map_err(|error| error.to_string())).collect();
        let read: Vec<_> =
            films.iter().flatten().map(|film| (film.id.as_str(), film.title.as_str())).collect();
        assert_eq!(read, [("1", "One"), ("8", "Eight")]);
        let errors: Vec<_> = films.iter().filter_map(|film| film.as_ref().err()).collect();
        assert_eq!(
            errors,
            [
                "movies.csv, line 3: a quote is never closed",
                "movies.csv, line 4: must have 3 columns, not 2",
                "movies.csv, line 5: must have 3 columns, not 4",
                "movies.csv, line 6: is not UTF-8",
                "movies.csv, line 7: movieId 1 is already on line 2",
                "movies.csv, line 8: must not be empty",
            ]
        );
    }

    #[test]
    fn folder_without_usable_row_is_rejected() {
        for (films, ratings, reason) in [
            ("", "1,1,4.0,1\n", "movies.csv has no row that can be read"),
            ("1,One (2001)\n", "1,1,4.0,1\n", "movies.csv, line 2: must have 3 columns, not 2"),
            ("1,One (2001),Drama\n", "", "ratings.csv has no row that can be read"),
            ("1,One (2001),Drama\n", "1,1,9,1\n\n", "ratings.csv, line 2: rating must be 0.5 to 5.0"),
        ] {
            let dir = folder(films.as_bytes(), ratings.as_bytes());
            let error = Folder::open(dir.path()).unwrap().check().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn byte_order_mark_and_other_separators_are_accepted() {
        for separator in [",", ";", "\t"] {
            let dir = tempfile::tempdir().unwrap();
            let write = |file: &str, columns: &[&str], row: &[&str]| {
                let text = format!("\u{feff}{}\r\n{}\r\n", columns.join(separator), row.join(separator));
                fs::write(dir.path().join(file), text).unwrap();
            };
            write(FILMS, &FILM_COLUMNS, &["1", "\"One, two; three (2001)\"", "Drama"]);
            write(RATINGS, &RATING_COLUMNS, &["1", "1", "4.0", "1"]);
            let folder = Folder::open(dir.path()).unwrap();
            let film = folder.films().unwrap().next().unwrap().unwrap();
            assert_eq!((film.id.as_str(), film.title.as_str()), ("1", "One, two; three"));
            assert!(folder.ratings().unwrap().all(|rating| rating.is_ok()));
        }
    }

    #[test]
    fn size_is_the_number_of_rows() {
        let dir = folder(b"1,One (2001),Drama\r\n2,Two (2002),Drama\r\n", b"1,1,4.0,1\r\n");
        assert_eq!(Folder::open(dir.path()).unwrap().size().unwrap(), (2, 1));
    }

    #[test]
    fn text_that_is_not_utf_8_is_rejected() {
        let dir = folder(b"1,Am\xe9lie (2001),Comedy\r\n", b"");
        let mut films = Folder::open(dir.path()).unwrap().films().unwrap();
        assert!(matches!(films.next(), Some(Err(Error::Row { file: FILMS, line: 2, .. }))));
    }

    #[test]
    fn folder_without_files_or_with_other_columns_is_rejected() {
        let empty = tempfile::tempdir().unwrap();
        let error = Folder::open(empty.path()).unwrap_err().to_string();
        assert!(error.contains("is not a MovieLens folder: movies.csv can't be read"), "{error}");
        fs::write(empty.path().join(FILMS), "a,b\r\n1,2\r\n").unwrap();
        let error = Folder::open(empty.path()).unwrap_err().to_string();
        assert!(error.ends_with("movies.csv must have the columns movieId,title,genres"), "{error}");
        assert!(Folder::open("/nowhere").is_err());
    }
}
