//! Writes on a server that rejects some of them.

use crate::{Outcome, begin};
use fault::{Fault, Kind};
use futures::future::join_all;
use metadata::batch::Put;
use metadata::repository::Repository;
use metadata::repository::postgres;
use metadata::writer::Writer;
use model::{Genres, Metadata, RecordId, Text, Title};
use sqlx::ConnectOptions;
use std::ops::Deref;
use std::sync::Arc;
use storage::testing::Database;

pub(crate) fn movie(id: &str, title: &str) -> Metadata {
    Metadata {
        id: RecordId::new(id).unwrap(),
        title: Title::new(title).unwrap(),
        description: Text::default(),
        director: Text::default(),
        release_year: None,
        genres: Genres::default(),
        revision: 0,
    }
}

/// A store with the writer in front of it, as an instance of the service has them.
struct Instance {
    repository: Arc<postgres::Repository>,
    writer: Writer,
}

impl Instance {
    async fn open(database: &Database) -> Result<Self, storage::Error> {
        let repository = Arc::new(postgres::Repository::open(&database.options()).await?);
        Ok(Self { writer: Writer::start(repository.clone()), repository })
    }

    async fn batch_put(&self, batch: &[Metadata]) -> Result<Vec<Put>, storage::Error> {
        self.writer.batch_put(batch.to_vec()).await
    }

    async fn close(&self) {
        self.writer.close().await;
        self.repository.close().await;
    }
}

impl Deref for Instance {
    type Target = postgres::Repository;

    fn deref(&self) -> &Self::Target {
        &self.repository
    }
}

/// Closes the existing connections, so that the next ones use the database's new defaults.
async fn reconnect(database: &Database) -> Result<(), sqlx::Error> {
    let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    sqlx::query(end).execute(&mut database.options().connect().await?).await.map(|_| ())
}

pub(crate) async fn read_only_database_is_unavailable_until_writable(database: Database) -> Outcome {
    let repository = Instance::open(&database).await?;
    repository.batch_put(&[movie("a", "A")]).await?;
    database.alter("SET default_transaction_read_only = on").await?;
    reconnect(&database).await?;
    for _ in 0..2 {
        let error = repository.batch_put(&[movie("a", "B")]).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
        assert!(error.to_string().contains("read-only"), "{error}");
        assert!(repository.get(&movie("a", "A").id).await?.is_some());
    }
    database.alter("RESET default_transaction_read_only").await?;
    let put = repository.batch_put(&[movie("a", "B")]).await?;
    assert_eq!(put[0].metadata.revision, 2);
    repository.close().await;
    Ok(())
}

pub(crate) async fn stricter_default_isolation_fails_no_write(database: Database) -> Outcome {
    for isolation in ["repeatable read", "serializable"] {
        database.alter(&format!("SET default_transaction_isolation = '{isolation}'")).await?;
        let mut instances = Vec::new();
        for _ in 0..2 {
            instances.push(Arc::new(Instance::open(&database).await?));
        }
        let writers = (0..8).map(|writer| {
            let repository = Arc::clone(&instances[writer % 2]);
            tokio::spawn(async move {
                for round in 0..20 {
                    let title = format!("{writer} {round}");
                    repository
                        .batch_put(&[movie("shared", &title), movie(&writer.to_string(), &title)])
                        .await?;
                }
                Ok::<_, storage::Error>(())
            })
        });
        for writer in join_all(writers).await {
            writer??;
        }
        for instance in instances {
            instance.close().await;
        }
    }
    Ok(())
}

pub(crate) async fn bad_write_in_group_fails_for_its_caller_only(database: Database) -> Outcome {
    let repository = Instance::open(&database).await?;
    let mut blocking = begin(
        &database,
        "ALTER TABLE metadata ADD CHECK (id <> 'bad'); COMMIT; BEGIN; SELECT last FROM revision FOR UPDATE",
    )
    .await?;
    // The first write waits for the counter in a transaction of its own; those behind it share one.
    let ids = ["first", "a", "b", "bad", "c"];
    let puts =
        join_all(
            ids.map(|id| {
                let repository = &repository;
                async move {
                    repository.batch_put(&[movie(id, "Movie"), movie(&format!("{id} 2"), "Movie")]).await
                }
            }),
        );
    let absent = RecordId::new("absent")?;
    let (puts, deleted, unblocked) =
        tokio::join!(puts, repository.writer.delete(absent), sqlx::raw_sql("COMMIT").execute(&mut blocking));
    unblocked?;
    assert!(!deleted?);
    let mut revisions = Vec::new();
    for (id, put) in ids.iter().zip(puts) {
        match put {
            Ok(put) => revisions.extend(put.iter().map(|put| put.metadata.revision)),
            Err(error) => assert!(*id == "bad" && error.kind() == Kind::Internal, "{id}: {error:?}"),
        }
    }
    assert_eq!(revisions, (1..=8).collect::<Vec<_>>());
    assert!(repository.get(&RecordId::new("bad 2")?).await?.is_none());
    repository.close().await;
    Ok(())
}
