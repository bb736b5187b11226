//! Reading of folders, row by row.

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
    let films: Vec<_> = folder.films().unwrap().map(|film| film.map_err(|error| error.to_string())).collect();
    let read: Vec<_> = films.iter().flatten().map(|film| (film.id.as_str(), film.title.as_str())).collect();
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
