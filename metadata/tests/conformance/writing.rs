//! Puts and deletes, sequential and concurrent.

use crate::Outcome;
use crate::movies::{full, id, movie};
use crate::store::Store;
use model::{MAX_BATCH, Metadata, Text, Title};
use std::collections::BTreeSet;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) async fn put_keeps_every_field(store: Store) -> Outcome {
    let put = store.repository.batch_put(&[full("tt1"), movie("tt2", "Plain")]).await?;
    assert!(put.iter().all(|put| put.created));
    assert_eq!(*put[0].metadata, Metadata { revision: 1, ..full("tt1") });
    assert_eq!(*put[1].metadata, Metadata { revision: 2, ..movie("tt2", "Plain") });
    for put in put {
        assert_eq!(store.repository.get(&put.metadata.id).await?, Some(put.metadata.clone()));
        assert_eq!(store.repository.batch_get(slice::from_ref(&put.metadata.id)).await?, [put.metadata]);
    }
    Ok(())
}

pub(crate) async fn put_replaces(store: Store) -> Outcome {
    store.repository.batch_put(&[full("tt1")]).await?;
    let put = store.repository.batch_put(&[movie("tt1", "Plain")]).await?;
    let expected = Metadata { revision: 2, ..movie("tt1", "Plain") };
    assert!(!put[0].created);
    assert_eq!(*put[0].metadata, expected);
    assert_eq!(store.repository.list(None, 10).await?, [expected.into()]);
    Ok(())
}

pub(crate) async fn put_of_equal_record_changes_nothing(store: Store) -> Outcome {
    store.repository.batch_put(&[full("a"), movie("b", "B")]).await?;
    let again = Metadata { revision: 99, ..full("a") };
    let put = store.repository.batch_put(&[movie("c", "C"), again, movie("b", "Bb")]).await?;
    let revisions: Vec<_> = put.iter().map(|put| (put.metadata.revision, put.created)).collect();
    assert_eq!(revisions, [(3, true), (1, false), (4, false)]);
    let put = store.repository.batch_put(&[full("a"), movie("c", "C")]).await?;
    assert_eq!(put.iter().map(|put| put.metadata.revision).collect::<Vec<_>>(), [1, 3]);
    let put = store.repository.batch_put(&[movie("d", "D")]).await?;
    assert_eq!(put[0].metadata.revision, 5, "the counter moved without a change");
    Ok(())
}

pub(crate) async fn batch_takes_revisions_in_its_order(store: Store) -> Outcome {
    let batch = ["z", "a", "m"].map(|id| movie(id, "Movie"));
    let put = store.repository.batch_put(&batch).await?;
    let order: Vec<_> = put.iter().map(|put| (put.metadata.id.as_str(), put.metadata.revision)).collect();
    assert_eq!(order, [("z", 1), ("a", 2), ("m", 3)]);
    assert!(store.repository.batch_put(&[]).await?.is_empty());
    Ok(())
}

pub(crate) async fn batch_of_500_longest_records_is_stored(store: Store) -> Outcome {
    let batch: Vec<_> = (0..MAX_BATCH)
        .map(|i| Metadata {
            title: Title::new("é".repeat(256)).unwrap(),
            description: Text::description("\"".repeat(16 * 1024)).unwrap(),
            ..full(&format!("{i:0>128}"))
        })
        .collect();
    store.repository.batch_put(&batch).await?;
    let ids: Vec<_> = batch.iter().map(|movie| movie.id.clone()).collect();
    let found = store.repository.batch_get(&ids).await?;
    assert_eq!(found.len(), MAX_BATCH);
    for (i, (found, put)) in found.into_iter().zip(batch).enumerate() {
        assert_eq!(*found, Metadata { revision: i as u64 + 1, ..put });
    }
    Ok(())
}

pub(crate) async fn delete_takes_revision(store: Store) -> Outcome {
    store.repository.batch_put(&[full("a")]).await?;
    assert!(store.repository.delete(&id("a")).await?);
    assert!(!store.repository.delete(&id("a")).await?);
    assert_eq!(store.repository.get(&id("a")).await?, None);
    let put = store.repository.batch_put(&[full("a")]).await?;
    assert!(put[0].created, "a deleted record is created again");
    assert_eq!(put[0].metadata.revision, 3);
    Ok(())
}

pub(crate) async fn concurrent_writers_are_serialized(store: Store) -> Outcome {
    const WRITERS: usize = 16;
    const ROUNDS: usize = 12;
    let instances = [store.instance().await?, store.instance().await?];
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let repository = instances[writer % 2].clone();
            tokio::spawn(async move {
                let mut revisions = Vec::new();
                for round in 0..ROUNDS {
                    let title = format!("Movie {writer} {round}");
                    // Opposite orders of the same ids: row locks in the order of the batch would deadlock.
                    let mut batch: Vec<_> = (0..10).map(|i| movie(&i.to_string(), &title)).collect();
                    if writer % 3 == 0 {
                        batch.reverse();
                    }
                    if writer % 5 == 0 {
                        revisions.push(repository.delete(&id("5")).await.map(|_| Vec::new())?);
                    }
                    revisions.push(repository.batch_put(&batch).await?);
                }
                Ok::<_, storage::Error>(revisions)
            })
        })
        .collect();
    let mut seen = BTreeSet::new();
    for writer in writers {
        for put in writer.await??.into_iter().flatten() {
            assert!(
                seen.insert(put.metadata.revision),
                "revision {} was assigned twice",
                put.metadata.revision
            );
        }
    }
    assert_eq!(seen.len(), WRITERS * ROUNDS * 10);
    let left = store.repository.list(None, 100).await?;
    let titles: BTreeSet<_> = left.iter().map(|movie| movie.title.as_str()).collect();
    assert_eq!((left.len(), titles.len()), (10, 1), "batches were mixed: {titles:?}");
    Ok(())
}

pub(crate) async fn one_of_many_concurrent_puts_creates(store: Store) -> Outcome {
    let instances = [store.instance().await?, store.instance().await?];
    for round in 0..10 {
        let creators: Vec<_> = (0..8)
            .map(|creator| {
                let repository = instances[creator % 2].clone();
                let movie = movie(&format!("{round}"), &format!("Movie {creator}"));
                tokio::spawn(async move { repository.batch_put(&[movie]).await })
            })
            .collect();
        let mut created = 0;
        for creator in creators {
            created += usize::from(creator.await??[0].created);
        }
        assert_eq!(created, 1);
    }
    Ok(())
}

pub(crate) async fn changes_become_visible_in_order_of_revisions(store: Store) -> Outcome {
    let instances = [store.instance().await?, store.instance().await?];
    let done = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (repository, done) = (store.repository.clone(), done.clone());
        async move {
            loop {
                let last = done.load(Ordering::Acquire);
                let visible: BTreeSet<_> =
                    repository.list(None, 1000).await?.iter().map(|movie| movie.revision).collect();
                let missing: Vec<_> =
                    (1..=visible.last().copied().unwrap_or(0)).filter(|i| !visible.contains(i)).collect();
                assert!(missing.is_empty(), "{missing:?} became visible after greater ones");
                if last {
                    return Ok::<_, storage::Error>(visible.len());
                }
            }
        }
    });
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let repository = instances[writer % 2].clone();
            tokio::spawn(async move {
                for round in 0..15 {
                    let batch = [0, 1].map(|i| movie(&format!("{writer}-{round}-{i}"), "Movie"));
                    repository.batch_put(&batch).await?;
                }
                Ok::<_, storage::Error>(())
            })
        })
        .collect();
    for writer in writers {
        writer.await??;
    }
    done.store(true, Ordering::Release);
    assert_eq!(reader.await??, 240);
    Ok(())
}
