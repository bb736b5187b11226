//! A MovieLens folder with rows that can't be read.

use crate::process::{Stack, devstack};
use std::path::Path;

fn write(folder: &Path, movies: &[u8], ratings: &[u8]) {
    let file = |columns: &str, rows: &[u8]| [columns.as_bytes(), b"\r\n", rows].concat();
    std::fs::write(folder.join("movies.csv"), file("movieId,title,genres", movies)).unwrap();
    std::fs::write(folder.join("ratings.csv"), file("userId,movieId,rating,timestamp", ratings)).unwrap();
}

#[test]
fn rows_that_cannot_be_read_are_named_and_the_rest_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let movies = b"x\r\n1,One (2001),Drama\r\n2,Am\xe9lie (2001),Comedy\r\n1,Again,Drama\r\n3,\"Three,Drama\r\n4,Four,Drama\r\n";
    let mut ratings = "u1,1,4.0,1\nu2,1,9,1\nu2,4,3.5,1\n".to_owned();
    ratings.push_str(&"u3,1,2.5\n".repeat(30));
    ratings.push_str("u4,1,5.0,1\n");
    write(dir.path(), movies, ratings.as_bytes());
    let data = dir.path().join("data");
    let stack = Stack::start(&data, &["--movielens", dir.path().to_str().unwrap()]);
    let has = |line: &str| stack.printed.iter().any(|printed| printed == line);
    for line in [
        "movies.csv, line 2: must have 3 columns, not 1",
        "movies.csv, line 4: is not UTF-8",
        "movies.csv, line 5: movieId 1 is already on line 3",
        "movies.csv, line 6: a quote is never closed",
        "ratings.csv, line 3: rating must be 0.5 to 5.0 in steps of 0.5, not 9",
        "ratings.csv, line 5: must have 4 columns, not 3",
        "… and 15 more",
    ] {
        assert!(has(line), "{line}: {:#?}", stack.printed);
    }
    assert_eq!(stack.printed.iter().filter(|line| line.contains(".csv, line ")).count(), 20);
    let summary = stack.printed.iter().find(|line| line.starts_with("imported 2 movies, 3 ratings in "));
    assert!(summary.is_some_and(|line| line.ends_with(", 35 rows skipped")), "{:#?}", stack.printed);
    let movies = stack.get("movie", "/v1/movies?ids=1,4");
    assert_eq!(
        (&movies["movies"][0]["rating"]["count"], &movies["movies"][1]["rating"]["count"]),
        (&2.into(), &1.into())
    );
    assert_eq!(stack.stop().code(), Some(0));
}

#[test]
fn folder_without_usable_row_is_exit_2_before_anything_starts() {
    for (movies, ratings) in
        [(&b""[..], &b"u1,1,4.0,1\n"[..]), (b"1,One\n", b"u1,1,4.0,1\n"), (b"1,One,Drama\n", b"u1,1,9,1\n")]
    {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), movies, ratings);
        let data = dir.path().join("data");
        let output =
            devstack().arg("--data-dir").arg(&data).arg("--movielens").arg(dir.path()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("has no row that can be read"), "{text}");
        assert!(!data.exists(), "{text}");
    }
}
