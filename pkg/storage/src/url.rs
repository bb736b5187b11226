//! Database URLs.

use sqlx::postgres::PgConnectOptions;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

const ACCEPTED: &str = "memory:, sqlite:PATH or postgres://USER@HOST/DATABASE";

/// The location of a database.
#[derive(Clone)]
pub enum Url {
    /// `memory:`, lost when the process ends.
    Memory,
    /// `sqlite:PATH`, a file; the path is not decoded.
    Sqlite(PathBuf),
    /// `postgres://…`, a database on a server.
    Postgres(Box<PgConnectOptions>),
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once(':').ok_or_else(|| format!("must be {ACCEPTED}"))?;
        match scheme {
            "memory" if rest.is_empty() => Ok(Self::Memory),
            "memory" => Err("memory: takes no path".into()),
            "sqlite" => sqlite(rest.strip_prefix("//").unwrap_or(rest)),
            "postgres" | "postgresql" => text
                .parse()
                .map(|options| Self::Postgres(Box::new(options)))
                .map_err(|error| format!("is not a valid PostgreSQL URL: {error}")),
            _ => Err(format!("must be {ACCEPTED}")),
        }
    }
}

fn sqlite(path: &str) -> Result<Url, String> {
    match path {
        "" => Err("sqlite: requires the path of a file".into()),
        ":memory:" => Err("must name a file: use memory: to keep data in memory".into()),
        _ if path.ends_with('/') => Err("must name a file, not a folder".into()),
        _ if path.contains('?') => Err("sqlite:PATH takes no parameters after a ?".into()),
        _ => Ok(Url::Sqlite(path.into())),
    }
}

/// Formatted without user and password, for logs.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(options) => f.write_str(&crate::postgres::address(options)),
        }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Equal if their log forms are equal.
impl PartialEq for Url {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms_are_parsed() {
        for (text, shown) in [
            ("memory:", "memory:"),
            ("sqlite:.data/a b%20.db", "sqlite:.data/a b%20.db"),
            ("sqlite:/tmp/x.db", "sqlite:/tmp/x.db"),
            ("sqlite:///tmp/x.db", "sqlite:/tmp/x.db"),
            ("sqlite://x.db", "sqlite:x.db"),
            ("postgres://me:secret@db.example:5433/films", "postgres://db.example:5433/films"),
            ("postgresql://me@db.example/films", "postgres://db.example:5432/films"),
        ] {
            assert_eq!(text.parse::<Url>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn other_forms_are_rejected_with_accepted_ones() {
        for (text, reason) in [
            ("", ACCEPTED),
            ("films.db", ACCEPTED),
            ("mysql://x/y", ACCEPTED),
            ("memory:x", "takes no path"),
            ("sqlite:", "path of a file"),
            ("sqlite::memory:", "memory:"),
            ("sqlite:.data/", "not a folder"),
            ("sqlite:x.db?mode=rwc", "no parameters"),
            ("postgres://x:port/y", "not a valid PostgreSQL URL"),
        ] {
            let error = text.parse::<Url>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
