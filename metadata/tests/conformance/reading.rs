//! Reading by id, and lists.

use crate::Outcome;
use crate::movies::{id, ids, movie};
use crate::store::Store;
use std::slice;

pub(crate) async fn absent_id_is_none(store: Store) -> Outcome {
    let repository = &store.repository;
    assert_eq!(repository.get(&id("x")).await?, None);
    assert!(repository.batch_get(&[id("x")]).await?.is_empty());
    assert!(repository.batch_get(&[]).await?.is_empty());
    assert!(repository.list(None, 10).await?.is_empty());
    assert!(!repository.delete(&id("x")).await?);
    repository.ready().await?;
    Ok(())
}

pub(crate) async fn batch_get_returns_requested_order(store: Store) -> Outcome {
    let all: Vec<_> = (0..500).map(|i| movie(&i.to_string(), "Movie")).collect();
    store.repository.batch_put(&all).await?;
    let requested: Vec<_> = (0..500).map(|i| id(&((i * 77 + 13) % 600).to_string())).collect();
    let expected: Vec<_> =
        requested.iter().map(|id| id.as_str()).filter(|id| id.parse::<u32>().unwrap() < 500).collect();
    assert_eq!(ids(&store.repository.batch_get(&requested).await?), expected);
    Ok(())
}

pub(crate) async fn ids_are_compared_byte_by_byte(store: Store) -> Outcome {
    let different =
        ["e", "E", "é", "e\u{301}", "e ", " e", "%", "_", "\"", "'", "ｅ", "ß", "ss", "1", "01", "1.0"];
    let batch: Vec<_> = different.iter().map(|id| movie(id, id)).collect();
    let stored = store.repository.batch_put(&batch).await?;
    assert!(stored.iter().all(|put| put.created));
    for text in different {
        assert_eq!(store.repository.get(&id(text)).await?.unwrap().title.as_str(), text);
    }
    Ok(())
}

pub(crate) async fn list_is_ordered_by_bytes(store: Store) -> Outcome {
    let mut expected =
        ["a", "B", "_", "-", "~", "é", "z", "Z", "10", "9", "a b", "a-b", "ab", "🎬", "\u{ffff}", "千"];
    let batch: Vec<_> = expected.iter().map(|id| movie(id, "Movie")).collect();
    store.repository.batch_put(&batch).await?;
    expected.sort_unstable();
    assert_eq!(ids(&store.repository.list(None, 100).await?), expected);
    for (place, after) in expected.iter().enumerate() {
        let page = store.repository.list(Some(&id(after)), 3).await?;
        let rest = &expected[place + 1..];
        assert_eq!(ids(&page), rest[..rest.len().min(3)], "after {after}");
    }
    Ok(())
}

pub(crate) async fn list_returns_unchanged_records_exactly_once(store: Store) -> Outcome {
    let unchanged: Vec<_> = (0..40).map(|i| movie(&format!("{i:02}"), "Movie")).collect();
    let transient: Vec<_> = (0..40).map(|i| movie(&format!("{i:02}-"), "Movie")).collect();
    store.repository.batch_put(&unchanged).await?;
    let (mut seen, mut after) = (Vec::new(), None);
    for transient in &transient {
        let page = store.repository.list(after.as_ref(), 3).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        seen.extend(page);
        store.repository.batch_put(slice::from_ref(transient)).await?;
        store
            .repository
            .delete(after.as_ref().filter(|id| id.as_str().ends_with('-')).unwrap_or(&transient.id))
            .await?;
    }
    let seen: Vec<_> = seen.into_iter().filter(|movie| !movie.id.as_str().ends_with('-')).collect();
    let unchanged: Vec<_> = unchanged.iter().map(|movie| movie.id.as_str()).collect();
    assert_eq!(ids(&seen), unchanged);
    Ok(())
}
