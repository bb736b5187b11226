//! The command's arguments.

use crate::format::Format;
use crate::sample::REAL_MOVIES;
use clap::{Parser, ValueEnum};
use std::path::PathBuf;

/// The output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// An aligned table per record.
    Table,
    /// An array of rows.
    Json,
    /// Comma-separated values with a header.
    Csv,
    /// A Markdown table per record.
    Markdown,
}

/// A record to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RecordName {
    /// id 123, "The Movie 2".
    Classic,
    /// A small movie.
    Small,
    /// A movie with every field.
    Everything,
    /// A rating event.
    Rating,
    /// A list of 100 movies.
    List,
    /// Movies of MovieLens.
    Real,
}

impl RecordName {
    /// Returns the name of the sample.
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
    /// A MovieLens folder; its first movies and their ratings are compared as well.
    #[arg(long, value_name = "DIR", help = format!("A MovieLens folder; its first {REAL_MOVIES} movies and their ratings are compared as well"))]
    pub movielens: Option<PathBuf>,

    /// Compares only this record; may be repeated
    #[arg(long, value_name = "NAME")]
    pub record: Vec<RecordName>,

    /// Compares only this format; may be repeated
    #[arg(long, value_name = "FORMAT")]
    pub only: Vec<Format>,

    /// The output format
    #[arg(long, default_value = "table", value_name = "FORMAT")]
    pub format: Output,

    /// Also plots size against speed to this file
    #[arg(long, value_name = "FILE.svg", value_parser = svg)]
    pub plot: Option<PathBuf>,

    /// The number of rounds; each time is their median
    #[arg(long, default_value_t = 15, value_name = "N", value_parser = flags::whole(1..=1000_u16))]
    pub rounds: u16,

    /// Writes every record in every format to this folder, without measuring
    #[arg(long, value_name = "DIR", conflicts_with_all = ["plot", "read"])]
    pub write: Option<PathBuf>,

    /// Reads the records that another program wrote to this folder and compares them, without measuring
    #[arg(long, value_name = "DIR", conflicts_with = "plot")]
    pub read: Option<PathBuf>,
}

impl Config {
    /// Returns the selected formats, in the order of a table.
    #[must_use]
    pub fn formats(&self) -> Vec<Format> {
        let asked = |format: &Format| self.only.is_empty() || self.only.contains(format);
        Format::all().iter().copied().filter(asked).collect()
    }

    /// Returns true if the record of this name is selected.
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
