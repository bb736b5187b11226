//! What a database keeps across restarts, and how failures in it are reported.

use crate::Outcome;
use crate::movies::{full, id, movie};
use crate::store::Store;
use fault::{Fault, Kind};
use model::Metadata;
use model::search::Query;

pub(crate) async fn records_survive_restart(store: Store) -> Outcome {
    store.repository.batch_put(&[full("a"), movie("b", "Star")]).await?;
    store.repository.delete(&id("b")).await?;
    let store = store.reopened().await?;
    assert_eq!(*store.repository.get(&id("a")).await?.unwrap(), Metadata { revision: 1, ..full("a") });
    assert_eq!(store.repository.search(&Query::new("amel")?, None, 10).await?.len(), 1);
    let put = store.repository.batch_put(&[movie("b", "Star")]).await?;
    assert_eq!((put[0].metadata.revision, put[0].created), (4, true));
    Ok(())
}

pub(crate) async fn failed_batch_stores_nothing(store: Store) -> Outcome {
    store.repository.batch_put(&[movie("a", "Before")]).await?;
    store
        .execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON metadata WHEN new.id = 'bad' \
             BEGIN SELECT RAISE(ABORT, 'refused'); END",
            "ALTER TABLE metadata ADD CHECK (id <> 'bad')",
        )
        .await?;
    let batch = [movie("a", "After"), movie("b", "B"), movie("bad", "Bad"), movie("c", "C")];
    let error = store.repository.batch_put(&batch).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
    let left = store.repository.list(None, 10).await?;
    assert_eq!(left, [Metadata { revision: 1, ..movie("a", "Before") }.into()]);
    let put = store.repository.batch_put(&[movie("b", "B")]).await?;
    assert_eq!(put[0].metadata.revision, 2);
    Ok(())
}

pub(crate) async fn delete_leaves_tombstone(store: Store) -> Outcome {
    const TOMBSTONES: &str = "SELECT id, revision FROM tombstone ORDER BY revision";
    store.repository.batch_put(&["a", "b", "c"].map(|id| movie(id, "Movie"))).await?;
    store.repository.delete(&id("b")).await?;
    store.repository.delete(&id("a")).await?;
    assert_eq!(store.pairs(TOMBSTONES).await?, [("b".into(), 4), ("a".into(), 5)]);
    store.repository.batch_put(&[movie("b", "Again")]).await?;
    assert_eq!(store.pairs(TOMBSTONES).await?, [("a".into(), 5)]);
    Ok(())
}

pub(crate) async fn error_names_row_that_breaks_rule(store: Store) -> Outcome {
    store.repository.batch_put(&[movie("tt1", "Movie"), movie("tt2", "Movie")]).await?;
    for (set, rule) in [
        ("title = ''", "title must not be empty"),
        ("title = 'x', release_year = 1", "release_year must be a year"),
        ("release_year = NULL, genres = '[1]'", "invalid type"),
    ] {
        let update = format!("UPDATE metadata SET {set} WHERE id = 'tt2'");
        store.execute(&update, &update).await?;
        let error = store.repository.list(None, 10).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Internal);
        let text = error.to_string();
        assert!(text.contains("metadata \"tt2\"") && text.contains(rule), "{text}");
    }
    assert!(store.repository.get(&id("tt1")).await?.is_some());
    Ok(())
}

pub(crate) async fn closed_store_is_unavailable(store: Store) -> Outcome {
    store.repository.close().await;
    for error in [
        store.repository.ready().await.unwrap_err(),
        store.repository.batch_put(&[movie("a", "A")]).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
    }
    Ok(())
}
