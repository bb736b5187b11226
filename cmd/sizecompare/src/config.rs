//! The command's arguments.

use crate::format::Format;
use crate::sample::REAL_MOVIES;
use clap::{Parser, ValueEnum};
use std::path::PathBuf;

/// How the figures are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// An aligned table a record.
    Table,
    /// An array of rows.
    Json,
    /// Comma-separated values under a header.
    Csv,
    /// A Markdown table a record.
    Markdown,
}

/// A record to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RecordName {
    /// id 123, "The Movie 2".
    Classic,
    /// A small movie.
    Small,
    /// A movie with everything.
    Everything,
    /// A rating event.
    Rating,
    /// A list of 100 movies.
    List,
    /// Movies of MovieLens.
    Real,
}

impl RecordName {
    /// The name as samples bear it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Small => "small",
            Self::Everything => "everything",
            Self::Rating => "rating",
            Self::List => "list",
            Self::Real => "real",
        }
    }
}

/// Compares serialization formats by size, speed and allocations.
#[derive(Clone, Debug, Parser)]
#[command(name = "sizecompare", version)]
pub struct Config {
    /// A MovieLens folder, whose first movies with their ratings are compared as well.
    #[arg(long, value_name = "DIR", help = format!("A MovieLens folder; its first {REAL_MOVIES} movies with their ratings are compared as well"))]
    pub movielens: Option<PathBuf>,

    /// Compares this record alone; may be given more than once
    #[arg(long, value_name = "NAME")]
    pub record: Vec<RecordName>,

    /// Compares this format alone; may be given more than once
    #[arg(long, value_name = "FORMAT")]
    pub only: Vec<Format>,

    /// How the figures are printed
    #[arg(long, default_value = "table", value_name = "FORMAT")]
    pub format: Output,

    /// Also draws size against speed into this file
    #[arg(long, value_name = "FILE.svg", value_parser = svg)]
    pub plot: Option<PathBuf>,

    /// How many rounds each time is the median of
    #[arg(long, default_value_t = 15, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub rounds: u16,

    /// Measures nothing: writes every record in every format into this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["plot", "read"])]
    pub write: Option<PathBuf>,

    /// Measures nothing: reads what another program wrote into this folder and compares it with the records
    #[arg(long, value_name = "DIR", conflicts_with = "plot")]
    pub read: Option<PathBuf>,
}

impl Config {
    /// The formats asked for, in a table's order.
    #[must_use]
    pub fn formats(&self) -> Vec<Format> {
        let asked = |format: &Format| self.only.is_empty() || self.only.contains(format);
        Format::all().iter().copied().filter(asked).collect()
    }

    /// Whether the record of this name is asked for.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        self.record.is_empty() || self.record.iter().any(|asked| asked.as_str() == name)
    }
}

fn svg(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let ending = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svg"));
    if ending { Ok(path) } else { Err("must end in .svg".into()) }
}
