//! What the cache does where its store fails, holds too much, or changes between two looks.

use super::*;
use crate::repository::memory;
use model::{Genres, Text, Title};
use std::sync::atomic::{AtomicBool, Ordering};

/// A store in memory whose reads can be made to fail.
#[derive(Default)]
struct Failing {
    store: memory::Repository,
    down: AtomicBool,
}

impl Failing {
    fn check(&self) -> Result<(), Error> {
        if self.down.load(Ordering::SeqCst) { Err(sqlx::Error::PoolTimedOut.into()) } else { Ok(()) }
    }
}

#[async_trait]
impl Store for Failing {
    async fn get(&self, id: &RecordId) -> Result<Option<Arc<Metadata>>, Error> {
        self.check()?;
        self.store.get(id).await
    }

    async fn batch_get(&self, ids: &[RecordId]) -> Result<Vec<Arc<Metadata>>, Error> {
        self.check()?;
        self.store.batch_get(ids).await
    }

    async fn apply(&self, writes: &[Write]) -> Result<Vec<Outcome>, Error> {
        self.store.apply(writes).await
    }

    async fn list(&self, after: Option<&RecordId>, limit: usize) -> Result<Vec<Arc<Metadata>>, Error> {
        self.check()?;
        self.store.list(after, limit).await
    }

    async fn search(
        &self,
        query: &Query,
        after: Option<&Rank>,
        limit: usize,
    ) -> Result<Vec<(Arc<Metadata>, Rank)>, Error> {
        self.store.search(query, after, limit).await
    }

    async fn ready(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn close(&self) {}
}

fn film(id: &str, title: &str) -> Metadata {
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

async fn found(repository: &Repository, query: &str, limit: usize) -> Vec<String> {
    let found = repository.search(&Query::new(query).unwrap(), None, limit).await.unwrap();
    found.into_iter().map(|(film, _)| film.id.to_string()).collect()
}

fn is_in_memory(repository: &Repository) -> bool {
    repository.index.search(&Query::new("film").unwrap(), None, 1).is_some()
}

#[tokio::test]
async fn what_cannot_be_read_after_a_write_is_searched_in_the_store_until_it_can() {
    let store = Arc::new(Failing::default());
    let repository = Repository::open(store.clone()).await.unwrap();
    repository.apply(&[Write::Put(vec![film("1", "Film one")])]).await.unwrap();
    assert!(is_in_memory(&repository));

    store.down.store(true, Ordering::SeqCst);
    repository.apply(&[Write::Put(vec![film("2", "Film two")])]).await.unwrap();
    assert!(!is_in_memory(&repository));
    assert_eq!(found(&repository, "film", 9).await, ["1", "2"]);
    repository.apply(&[Write::Delete(RecordId::new("1").unwrap())]).await.unwrap();
    assert_eq!(found(&repository, "film", 9).await, ["2"]);

    store.down.store(false, Ordering::SeqCst);
    repository.apply(&[Write::Put(vec![film("3", "Film three")])]).await.unwrap();
    assert!(is_in_memory(&repository));
    assert_eq!(found(&repository, "film", 9).await, ["2", "3"]);
}

#[tokio::test]
async fn too_many_titles_are_searched_in_the_store() {
    let title = format!("Film{}", " a".repeat(250));
    let films: Vec<_> = (0..2000).map(|i| film(&i.to_string(), &title)).collect();
    let store = Arc::new(memory::Repository::default());
    let repository = Repository::open(store.clone()).await.unwrap();
    for films in films.chunks(500) {
        repository.apply(&[Write::Put(films.to_vec())]).await.unwrap();
    }
    assert!(!is_in_memory(&repository));
    assert_eq!(found(&repository, "film", 2).await, ["0", "1"]);
    assert!(!is_in_memory(&Repository::open(store).await.unwrap()));
}

#[tokio::test]
async fn a_record_that_goes_between_finding_and_reading_shortens_no_page() {
    let store = Arc::new(memory::Repository::default());
    let repository = Repository::open(store.clone()).await.unwrap();
    let films = ["1", "2", "3", "4", "5"].map(|id| film(id, "Film"));
    repository.apply(&[Write::Put(films.to_vec())]).await.unwrap();
    for id in ["1", "3"] {
        store.apply(&[Write::Delete(RecordId::new(id).unwrap())]).await.unwrap();
    }
    assert_eq!(found(&repository, "film", 2).await, ["2", "4"]);
    assert_eq!(found(&repository, "film", 9).await, ["2", "4", "5"]);
}
