//! The titles of MovieLens, each found by its own text.
//!
//! The data set is not part of the project. It is expected in `MOVIELENS`, or beside the checkout.

use crate::Outcome;
use crate::movies::movie;
use crate::store::{Backend, Kind, Store};
use libtest_mimic::{Failed, Trial};
use model::search::Query;
use std::path::{Path, PathBuf};

const BESIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/ml-latest-small");

/// The number of results among which a title must be.
const FIRST: usize = 5;

/// The titles that the order by number of words puts behind [`FIRST`] others: `Girls! Girls! Girls!` is found by one
/// distinct word, as are titles of two words, and `C.R.A.Z.Y.` has five.
const BEHIND_SHORTER: [&str; 2] = ["C.R.A.Z.Y.", "Girls! Girls! Girls!"];

/// Returns the test, ignored if the data set is missing.
pub(crate) fn trial() -> Trial {
    let folder = std::env::var_os("MOVIELENS").map_or_else(|| PathBuf::from(BESIDE), PathBuf::from);
    let file = folder.join("movies.csv");
    let exists = file.exists();
    let mut name = "sqlite::search_finds_movielens_titles_by_own_text".to_owned();
    if !exists {
        name += &format!(" (no data set at {})", folder.display());
    }
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(found_by_own_text(&file)).map_err(|error| Failed::from(format!("{error:?}")))
    };
    Trial::test(name, run).with_ignored_flag(!exists)
}

async fn found_by_own_text(file: &Path) -> Outcome {
    let titles = titles(file)?;
    let store = Store::open(Backend { kind: Kind::Sqlite, cached: false }).await?;
    for batch in titles.chunks(500) {
        let batch: Vec<_> = batch.iter().map(|(id, title)| movie(id, title)).collect();
        store.repository.batch_put(&batch).await?;
    }
    let (mut missed, mut unexplained) = (0, Vec::new());
    for (id, title) in &titles {
        for typed in [without_punctuation(title, ""), without_punctuation(title, " ")] {
            let ranks = store.repository.search_ranks(&Query::new(&typed)?, None, FIRST).await?;
            if ranks.iter().all(|rank| rank.id() != id) {
                missed += 1;
                let equal = titles.iter().filter(|(_, other)| other == title).count();
                if equal <= FIRST && !BEHIND_SHORTER.contains(&title.as_str()) {
                    unexplained.push((title, typed));
                }
            }
        }
    }
    eprintln!("{missed} of {} texts do not find their title among the first {FIRST}", 2 * titles.len());
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    Ok(())
}

/// Returns ids and titles, the latter without their year, as an import stores them.
fn titles(file: &Path) -> Result<Vec<(String, String)>, csv::Error> {
    let title = |row: Result<csv::StringRecord, csv::Error>| {
        row.map(|row| {
            let title = row[1].trim();
            let year = title.rsplit_once(" (").filter(|(_, year)| {
                year.len() == 5 && year.ends_with(')') && year[..4].bytes().all(|byte| byte.is_ascii_digit())
            });
            (row[0].to_owned(), year.map_or(title, |(title, _)| title).to_owned())
        })
    };
    csv::Reader::from_path(file)?.records().map(title).collect()
}

fn without_punctuation(title: &str, replacement: &str) -> String {
    let lower = title.to_lowercase();
    let mut typed = String::new();
    for c in lower.chars() {
        if c.is_alphanumeric() || c.is_whitespace() {
            typed.push(c);
        } else {
            typed.push_str(replacement);
        }
    }
    typed
}
