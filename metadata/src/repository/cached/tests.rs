//! Search over a store whose records change between the search and the reads.

use super::*;
use crate::repository::memory;
use model::{Genres, Text, Title};

fn movie(id: &str, title: &str) -> Metadata {
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
    found.into_iter().map(|(movie, _)| movie.id.to_string()).collect()
}

#[tokio::test]
async fn record_deleted_between_search_and_read_shortens_no_page() {
    let store = Arc::new(memory::Repository::default());
    let repository = Repository::new(store.clone());
    let movies = ["1", "2", "3", "4", "5"].map(|id| movie(id, "Movie"));
    repository.apply(&[Write::Put(movies.to_vec())]).await.unwrap();
    for limit in [2, 9] {
        let all = repository.search_ranks(&Query::new("movie").unwrap(), None, limit).await.unwrap();
        assert_eq!(all.len(), limit.min(5));
    }
    // Behind the cache, so that it still has the results from before.
    for id in ["1", "3"] {
        store.apply(&[Write::Delete(RecordId::new(id).unwrap())]).await.unwrap();
    }
    assert_eq!(found(&repository, "movie", 2).await, ["2", "4"]);
    assert_eq!(found(&repository, "movie", 9).await, ["2", "4", "5"]);
}
