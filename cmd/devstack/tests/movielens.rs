//! A complete MovieLens folder, imported and served: each movie's count, sum and histogram equal what this
//! program reads from the files.
//!
//! The data set is not part of the project. It is expected in `MOVIELENS`, or beside the checkout.

#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

#[path = "it/process.rs"]
#[expect(dead_code, reason = "this case needs less of it than the others")]
mod process;

use libtest_mimic::{Arguments, Failed, Trial};
use process::Stack;
use serde_json::Value;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

const BESIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/ml-latest-small");

fn main() {
    let folder = std::env::var_os("MOVIELENS").map_or_else(|| PathBuf::from(BESIDE), PathBuf::from);
    let there = folder.join("ratings.csv").exists();
    let name = if there {
        "every_film_is_served_with_its_ratings".to_owned()
    } else {
        format!("every_film_is_served_with_its_ratings (no data set at {})", folder.display())
    };
    let case = Trial::test(name, move || imported(&folder)).with_ignored_flag(!there);
    libtest_mimic::run(&Arguments::from_args(), vec![case]).exit();
}

/// A movie according to the files.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    title: String,
    year: Option<i64>,
    histogram: [u64; 10],
}

fn imported(folder: &Path) -> Result<(), Failed> {
    let expected = read(folder);
    let ratings: u64 = expected.values().flat_map(|movie| movie.histogram).sum();
    let data = tempfile::tempdir()?;
    let stack = Stack::start(data.path(), &["--movielens", folder.to_str().ok_or("a path in UTF-8")?]);
    let line = format!("imported {} movies, {ratings} ratings in ", expected.len());
    assert!(stack.printed.iter().any(|printed| printed.starts_with(&line)), "{line}: {:?}", stack.printed);

    let mut ids: Vec<&str> = expected.keys().map(String::as_str).collect();
    ids.sort_unstable();
    for ids in ids.chunks(500) {
        let answer = stack.get("movie", &format!("/v1/movies?ids={}", ids.join(",")));
        let movies = answer["movies"].as_array().ok_or("movies")?;
        assert_eq!(movies.len(), ids.len());
        for (movie, &id) in movies.iter().zip(ids) {
            compare(movie, id, &expected[id]);
        }
    }
    assert_eq!(stack.stop().code(), Some(0));
    Ok(())
}

fn compare(movie: &Value, id: &str, expected: &Expected) {
    assert_eq!(movie["metadata"]["id"], id);
    assert_eq!(movie["metadata"]["title"], expected.title, "{id}");
    assert_eq!(movie["metadata"]["releaseYear"].as_i64(), expected.year, "{id}");
    assert!(movie.get("partial").is_none(), "{movie}");
    let count: u64 = expected.histogram.iter().sum();
    let sum: u64 = expected.histogram.iter().zip(1..).map(|(count, value)| count * value).sum();
    let rating = &movie["rating"];
    if count == 0 {
        assert!(rating.is_null(), "{movie}");
        return;
    }
    assert_eq!(rating["count"], count, "{movie}");
    assert_eq!(rating["sum"], sum, "{movie}");
    assert_eq!(rating["histogram"], serde_json::json!(expected.histogram), "{movie}");
}

/// Reads the folder in the simplest way.
fn read(folder: &Path) -> HashMap<String, Expected> {
    let mut movies = HashMap::new();
    for line in fs::read_to_string(folder.join("movies.csv")).unwrap().lines().skip(1) {
        let (id, rest) = line.split_once(',').unwrap();
        let (title, _genres) = rest.rsplit_once(',').unwrap();
        let title = match title.strip_prefix('"').and_then(|title| title.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\"\"", "\""),
            None => title.to_owned(),
        };
        movies.insert(id.to_owned(), expected(title.trim()));
    }
    for line in fs::read_to_string(folder.join("ratings.csv")).unwrap().lines().skip(1) {
        let mut columns = line.split(',').skip(1);
        let movie = movies.get_mut(columns.next().unwrap()).unwrap();
        let (whole, half) = columns.next().unwrap().split_once('.').unwrap();
        let value = 2 * whole.parse::<usize>().unwrap() + usize::from(half == "5");
        movie.histogram[value - 1] += 1;
    }
    movies
}

fn expected(title: &str) -> Expected {
    let year = title.len().checked_sub(7).and_then(|at| title.get(at..));
    let year = year.and_then(|end| end.strip_prefix(" (")?.strip_suffix(')')?.parse().ok());
    let end = if year.is_some() { title.len() - 7 } else { title.len() };
    Expected { title: title[..end].trim().to_owned(), year, ..Expected::default() }
}
