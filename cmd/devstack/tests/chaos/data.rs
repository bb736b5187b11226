//! The movies and ratings that every case reads: loaded once through the services, then served by many
//! instances. On SQLite each has a copy of the file, on PostgreSQL all share one database.

use crate::fleet::Place;
use crate::http::{client, write};
use crate::process::free_port;
use futures::future::join_all;
use serde_json::json;
use std::fs;
use std::path::Path;
use storage::testing;
use tempfile::TempDir;

/// The number of movies; their ids are 1 to this.
pub(crate) const FILMS: u32 = 100;

/// The kind of database.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    pub(crate) const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// Returns why this kind can't be tested here, if so.
    pub(crate) fn missing(self) -> Option<String> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => testing::server().err(),
        }
    }
}

/// The loaded databases; deleted on drop.
pub(crate) enum Data {
    Files(TempDir),
    Shared(Box<testing::Database>),
}

impl Data {
    pub(crate) async fn load(backend: Backend) -> Self {
        let data = match backend {
            Backend::Sqlite => Self::Files(tempfile::tempdir().unwrap()),
            Backend::Postgres => {
                let database = testing::Database::create(&testing::server().unwrap()).await.unwrap();
                Self::Shared(Box::new(database))
            }
        };
        let place = |service| {
            let database = match &data {
                Self::Files(folder) => file(folder.path(), service),
                Self::Shared(database) => database.text(),
            };
            let flags = ["--registry", "none", "--database", &database, "--sqlite-synchronous", "normal"];
            Place::new(service, free_port(), flags)
        };
        let (metadata, rating) = (place("metadata").start(), place("rating").start());
        let client = client();
        metadata.is_ready(&client).await;
        rating.is_ready(&client).await;

        let films: Vec<_> =
            (1..=FILMS).map(|id| json!({ "id": id.to_string(), "title": format!("Film {id}") })).collect();
        let films = json!({ "metadata": films });
        let (status, answer) =
            write(&client, "POST", metadata.authority(), "/v1/metadata:batchPut", &films).await.unwrap();
        assert_eq!(status, 200, "{answer}");
        let puts = (1..=FILMS).map(|id| {
            let (client, authority) = (&client, rating.authority());
            async move {
                let path = format!("/v1/ratings/movie/{id}/users/someone");
                let (status, answer) =
                    write(client, "PUT", authority, &path, &json!({ "value": 7 })).await.unwrap();
                assert_eq!(status, 201, "{answer}");
            }
        });
        join_all(puts).await;
        metadata.stop().await;
        rating.stop().await;
        data
    }

    /// Returns the URL of the database for an instance of `service` with its own `folder`.
    pub(crate) fn open(&self, service: &str, folder: &Path, instance: u16) -> String {
        match self {
            Self::Files(loaded) => {
                let copy = format!("{service}-{instance}");
                fs::copy(loaded.path().join(format!("{service}.db")), folder.join(format!("{copy}.db")))
                    .unwrap();
                file(folder, &copy)
            }
            Self::Shared(database) => database.text(),
        }
    }
}

fn file(folder: &Path, name: &str) -> String {
    format!("sqlite:{}/{name}.db", folder.display())
}
