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

/// The statements that leave all titles indexed by other rules.
const OUTDATE_SQLITE: &str = "UPDATE metadata SET words = ' old ', word_count = 9; DELETE FROM word_half;";
const OUTDATE_POSTGRES: &str =
    "UPDATE metadata SET words = '{old}', beginnings = 'old'; DELETE FROM word_half;";

pub(crate) async fn titles_are_indexed_again_after_rules_changed(mut store: Store) -> Outcome {
    let movies: Vec<_> = (0..1201).map(|i| movie(&format!("{i:04}"), &format!("Interstellar {i}"))).collect();
    for batch in movies.chunks(500) {
        store.repository.batch_put(batch).await?;
    }
    for (sqlite, postgres) in [
        ("UPDATE search_index SET version = 1", "UPDATE search_index SET version = 1"),
        // Newer rules in a file; a title that an instance with older rules has stored in a database.
        ("UPDATE search_index SET version = 99", "UPDATE metadata SET indexed_revision = 0"),
    ] {
        let sqlite = format!("{OUTDATE_SQLITE} {sqlite}");
        store.execute(&sqlite, &format!("{OUTDATE_POSTGRES} {postgres}")).await?;
        let query = Query::new("interstellar 1200")?;
        // Not the same query, whose matches from before may be cached.
        assert!(store.repository.search(&Query::new("interstellar 7")?, None, 9).await?.is_empty());
        store = store.reopened().await?;
        let found = store.repository.search(&query, None, 9).await?;
        assert_eq!(found.len(), 1, "{sqlite}");
        assert_eq!(found[0].0.revision, 1201);
        assert_eq!(store.repository.similar_words("interstelar").await?, ["interstellar"]);
    }
    Ok(())
}

pub(crate) async fn indexing_again_continues(store: Store) -> Outcome {
    store.repository.batch_put(&["a", "b", "c"].map(|id| movie(id, "Interstellar"))).await?;
    let stopped = "UPDATE search_index SET indexed_to = 'a'";
    store.execute(&format!("{OUTDATE_SQLITE} {stopped}"), &format!("{OUTDATE_POSTGRES} {stopped}")).await?;
    let store = store.reopened().await?;
    let found = store.repository.search(&Query::new("interstellar")?, None, 9).await?;
    assert_eq!(found.iter().map(|(movie, _)| movie.id.as_str()).collect::<Vec<_>>(), ["b", "c"]);
    Ok(())
}
