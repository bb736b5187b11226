//! The databases that persist between runs.

use anyhow::Context;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// The databases of metadata and rating, as values of `--database`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Databases {
    /// The metadata service's.
    pub(crate) metadata: String,
    /// The rating service's.
    pub(crate) rating: String,
    /// Their location, as printed.
    pub(crate) place: String,
}

impl Databases {
    /// Returns one database for both services.
    #[must_use]
    pub(crate) fn shared(url: &str) -> Self {
        let place = url.rsplit_once('@').map_or(url, |(_, server)| server);
        Self { metadata: url.to_owned(), rating: url.to_owned(), place: place.to_owned() }
    }

    /// Returns SQLite files in `folder`, which is created if it is missing; files of earlier runs are deleted if
    /// `fresh`.
    pub(crate) fn files(folder: &Path, fresh: bool) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("can't create {}", folder.display()))?;
        if fresh {
            clear(folder).with_context(|| format!("can't clear {}", folder.display()))?;
        }
        let file = |name: &str| Ok::<_, anyhow::Error>(format!("sqlite:{}", path(folder, name)?));
        Ok(Self { metadata: file(METADATA)?, rating: file(RATING)?, place: folder.display().to_string() })
    }
}

const METADATA: &str = "metadata.db";
const RATING: &str = "rating.db";

fn path(folder: &Path, name: &str) -> anyhow::Result<String> {
    let path = folder.join(name);
    let text = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
    Ok(text.to_owned())
}

/// Deletes the databases with SQLite's other files; fails if another process has one open.
fn clear(folder: &Path) -> anyhow::Result<()> {
    let mut held = Vec::new();
    let mut doomed: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if ![METADATA, RATING].iter().any(|database| name.starts_with(database)) {
            continue;
        }
        if !name.ends_with(".lock") {
            doomed.push(path);
            continue;
        }
        let lock = File::open(&path)?;
        match lock.try_lock() {
            Ok(()) => held.push(lock),
            Err(TryLockError::WouldBlock) => anyhow::bail!("{} is locked by another process", path.display()),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
    for path in doomed {
        fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_removes_the_databases_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["metadata.db", "rating.db", "rating.db-wal", "rating.db.lock", "notes.txt"] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        Databases::files(dir.path(), false).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 5);
        Databases::files(dir.path(), true).unwrap();
        let mut left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["notes.txt", "rating.db.lock"]);
    }

    #[test]
    fn fresh_leaves_everything_while_another_process_has_a_database() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("rating.db"), "x").unwrap();
        let lock = File::create(dir.path().join("rating.db.lock")).unwrap();
        lock.lock().unwrap();
        let error = Databases::files(dir.path(), true).unwrap_err();
        assert!(format!("{error:#}").contains("locked by another process"), "{error:#}");
        assert!(dir.path().join("rating.db").exists());
    }

    #[test]
    fn password_is_not_shown() {
        let databases = Databases::shared("postgres://user:secret@host/name");
        assert_eq!(databases.place, "host/name");
        assert_eq!(databases.rating, "postgres://user:secret@host/name");
    }
}
