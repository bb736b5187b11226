//! The cases, each upon an empty store.

use crate::stores::Stores;
use model::{
    Aggregate, Histogram, Prior, ProviderId, Rating, Record, RecordId, RecordType, Timestamp, UserId, Value,
};
use rating::batch::{Advance, Batch, Outcome, Partition, Position, Write};
use rating::repository::{AfterRating, AfterTop, Error, TopRated, UserRatings};
use rating::store::Store;
use std::borrow::Borrow;
use std::sync::Arc;

pub(crate) fn record_of(record_type: &str, id: &str) -> Record {
    Record { record_type: RecordType::new(record_type).unwrap(), record_id: RecordId::new(id).unwrap() }
}

pub(crate) fn record(id: &str) -> Record {
    record_of("movie", id)
}

pub(crate) fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

pub(crate) fn rating(id: &str, by: &str, value: i64) -> Rating {
    Rating {
        record: record(id),
        user_id: user(by),
        value: Value::new(value).unwrap(),
        provider_id: None,
        rated_at: Timestamp::from_millis(0).unwrap(),
    }
}

fn put(id: &str, by: &str, value: i64) -> Write {
    Write::Put(rating(id, by, value))
}

fn delete(id: &str, by: &str) -> Write {
    Write::Delete { record: record(id), user_id: user(by) }
}

async fn apply(store: &Store, writes: Vec<Write>) -> Vec<Outcome> {
    store.batches.apply(0, &Batch::of(writes)).await.unwrap()
}

async fn aggregate(store: &Store, id: &str) -> Option<Aggregate> {
    store.ratings.get_aggregate(&record(id)).await.unwrap().map(Arc::unwrap_or_clone)
}

fn histogram(values: &[i64]) -> Histogram {
    let mut histogram = Histogram::default();
    values.iter().for_each(|value| histogram.add(Value::new(*value).unwrap()));
    histogram
}

fn ids<T: Borrow<Aggregate>>(aggregates: &[T]) -> Vec<&str> {
    aggregates.iter().map(|aggregate| aggregate.borrow().record.record_id.as_str()).collect()
}

pub(crate) async fn a_second_rating_replaces_the_first(stores: &Stores) {
    let store = stores.first();
    assert_eq!(apply(store, vec![put("1", "ann", 3), put("1", "bob", 10)]).await, [Outcome::Created; 2]);
    let earlier = Rating {
        provider_id: Some(ProviderId::new("imdb").unwrap()),
        rated_at: Timestamp::from_millis(-5).unwrap(),
        ..rating("1", "ann", 8)
    };
    assert_eq!(apply(store, vec![Write::Put(earlier.clone())]).await, [Outcome::Replaced]);
    assert_eq!(store.ratings.get_rating(&record("1"), &user("ann")).await.unwrap(), Some(earlier));
    let expected = Aggregate {
        record: record("1"),
        histogram: histogram(&[8, 10]),
        weighted_mean: Prior::default().weighted_mean(&histogram(&[8, 10])),
        revision: 3,
    };
    assert_eq!(aggregate(store, "1").await, Some(expected));
}

pub(crate) async fn a_deleted_rating_leaves_the_aggregate_as_if_it_had_never_been(stores: &Stores) {
    let store = stores.first();
    assert_eq!(apply(store, vec![delete("1", "ann")]).await, [Outcome::Absent]);
    apply(store, vec![put("1", "ann", 3), put("1", "bob", 10)]).await;
    assert_eq!(
        apply(store, vec![delete("1", "ann"), delete("2", "ann")]).await,
        [Outcome::Deleted, Outcome::Absent]
    );
    assert_eq!(store.ratings.get_rating(&record("1"), &user("ann")).await.unwrap(), None);
    assert_eq!(aggregate(store, "1").await.unwrap().histogram, histogram(&[10]));
    apply(store, vec![delete("1", "bob")]).await;
    assert_eq!(aggregate(store, "1").await, None);
    assert!(
        store
            .ratings
            .batch_get_aggregates(&RecordType::movie(), &[RecordId::new("1").unwrap()])
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        store
            .ratings
            .list_top_rated(TopRated {
                record_type: &RecordType::movie(),
                min_count: 1,
                after: None,
                limit: 10
            })
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        store
            .ratings
            .list_user_ratings(UserRatings { user: &user("bob"), record_type: None, after: None, limit: 10 })
            .await
            .unwrap()
            .is_empty()
    );
}

pub(crate) async fn a_put_that_changes_nothing_changes_no_revision(stores: &Stores) {
    let store = stores.first();
    apply(store, vec![put("1", "ann", 3)]).await;
    assert_eq!(apply(store, vec![put("1", "ann", 3), put("1", "ann", 3)]).await, [Outcome::Unchanged; 2]);
    let later = Rating { rated_at: Timestamp::from_millis(1).unwrap(), ..rating("1", "ann", 3) };
    assert_eq!(apply(store, vec![Write::Put(later.clone())]).await, [Outcome::Replaced]);
    assert_eq!(aggregate(store, "1").await.unwrap().revision, 1);
    assert_eq!(store.ratings.get_rating(&record("1"), &user("ann")).await.unwrap(), Some(later));
}

pub(crate) async fn the_revision_goes_on_growing_when_ratings_return(stores: &Stores) {
    let store = stores.first();
    apply(store, vec![put("1", "ann", 3)]).await;
    apply(store, vec![delete("1", "ann")]).await;
    assert_eq!(aggregate(store, "1").await, None);
    apply(store, vec![put("1", "bob", 4)]).await;
    let aggregate = aggregate(store, "1").await.unwrap();
    assert_eq!((aggregate.histogram, aggregate.revision), (histogram(&[4]), 3));
}

pub(crate) async fn the_last_write_of_a_batch_wins(stores: &Stores) {
    let store = stores.first();
    let writes = vec![
        put("1", "ann", 3),
        put("1", "ann", 5),
        delete("1", "ann"),
        put("1", "ann", 7),
        put("2", "ann", 7),
        delete("2", "ann"),
    ];
    use Outcome::{Created, Deleted, Replaced};
    assert_eq!(apply(store, writes).await, [Created, Replaced, Deleted, Created, Created, Deleted]);
    assert_eq!(
        store
            .ratings
            .list_user_ratings(UserRatings { user: &user("ann"), record_type: None, after: None, limit: 10 })
            .await
            .unwrap(),
        [rating("1", "ann", 7)]
    );
    assert_eq!(aggregate(store, "1").await.unwrap().revision, 4);
    assert_eq!(aggregate(store, "2").await, None);
}

pub(crate) async fn records_differ_by_their_type(stores: &Stores) {
    let store = stores.first();
    let book = Rating { record: record_of("2", "1"), ..rating("1", "ann", 9) };
    assert_eq!(apply(store, vec![put("1", "ann", 3), Write::Put(book.clone())]).await, [Outcome::Created; 2]);
    assert_eq!(store.ratings.get_aggregate(&book.record).await.unwrap().unwrap().histogram, histogram(&[9]));
    let books = RecordType::new("2").unwrap();
    assert_eq!(
        store
            .ratings
            .list_user_ratings(UserRatings {
                user: &user("ann"),
                record_type: Some(&books),
                after: None,
                limit: 10
            })
            .await
            .unwrap(),
        [book]
    );
    assert_eq!(
        ids(&store
            .ratings
            .list_top_rated(TopRated { record_type: &books, min_count: 1, after: None, limit: 10 })
            .await
            .unwrap()),
        ["1"]
    );
}

pub(crate) async fn any_id_that_the_model_allows_is_kept_byte_by_byte(stores: &Stores) {
    let store = stores.first();
    let strange = ["e\u{301}", "é", "E", "a\"b'c\\d", "{1,2}", "NULL", "1", "01", "🎬 %_", " ", "\u{feff}x"];
    for id in strange {
        let written = Rating { provider_id: Some(ProviderId::new(id).unwrap()), ..rating(id, id, 7) };
        assert_eq!(apply(store, vec![Write::Put(written.clone())]).await, [Outcome::Created], "{id}");
        assert_eq!(store.ratings.get_rating(&record(id), &user(id)).await.unwrap(), Some(written), "{id}");
    }
    let mut sorted = strange.to_vec();
    sorted.sort_unstable();
    assert_eq!(
        ids(&store
            .ratings
            .list_top_rated(TopRated {
                record_type: &RecordType::movie(),
                min_count: 1,
                after: None,
                limit: 50
            })
            .await
            .unwrap()),
        sorted
    );
}

pub(crate) async fn batch_aggregates_come_in_the_order_asked(stores: &Stores) {
    let store = stores.first();
    apply(store, vec![put("a", "ann", 1), put("b", "ann", 2), put("c", "ann", 3), delete("b", "ann")]).await;
    let asked = ["c", "none", "a", "b"].map(|id| RecordId::new(id).unwrap());
    let found = store.ratings.batch_get_aggregates(&RecordType::movie(), &asked).await.unwrap();
    assert_eq!(ids(&found), ["c", "a"]);
    assert_eq!(Some(&*found[0]), aggregate(store, "c").await.as_ref());
}

fn at(id: &str, millis: i64) -> Rating {
    Rating { rated_at: Timestamp::from_millis(millis).unwrap(), ..rating(id, "ann", 5) }
}

pub(crate) async fn a_users_ratings_come_newest_first(stores: &Stores) {
    let store = stores.first();
    let book = Rating { record: record_of("book", "z"), ..at("z", 20) };
    let ordered = [at("old", 30), book, at("B", 20), at("a", 20), at("é", 20), at("new", -10)];
    let mut writes: Vec<Write> = ordered.iter().cloned().map(Write::Put).collect();
    writes.reverse();
    writes.push(put("old", "bob", 1));
    apply(store, writes).await;
    assert_eq!(
        store
            .ratings
            .list_user_ratings(UserRatings { user: &user("ann"), record_type: None, after: None, limit: 10 })
            .await
            .unwrap(),
        ordered
    );
    assert_eq!(
        store
            .ratings
            .list_user_ratings(UserRatings { user: &user("ann"), record_type: None, after: None, limit: 2 })
            .await
            .unwrap(),
        ordered[..2]
    );
    assert!(
        store
            .ratings
            .list_user_ratings(UserRatings {
                user: &user("nobody"),
                record_type: None,
                after: None,
                limit: 2
            })
            .await
            .unwrap()
            .is_empty()
    );
}

pub(crate) async fn a_users_ratings_page_by_key(stores: &Stores) {
    let store = stores.first();
    let writes = (0..23).map(|i| Write::Put(at(&format!("r{}", i % 23), i / 5)));
    apply(store, writes.collect()).await;
    let books =
        (0..3).map(|i| Write::Put(Rating { record: record_of("book", &format!("{i}")), ..at("x", 2) }));
    apply(store, books.collect()).await;
    for record_type in [None, Some(RecordType::movie())] {
        let whole = store
            .ratings
            .list_user_ratings(UserRatings {
                user: &user("ann"),
                record_type: record_type.as_ref(),
                after: None,
                limit: 100,
            })
            .await
            .unwrap();
        assert_eq!(whole.len(), if record_type.is_none() { 26 } else { 23 });
        let (mut paged, mut after): (Vec<Rating>, Option<AfterRating>) = (Vec::new(), None);
        loop {
            let page = store
                .ratings
                .list_user_ratings(UserRatings {
                    user: &user("ann"),
                    record_type: record_type.as_ref(),
                    after: after.as_ref(),
                    limit: 4,
                })
                .await
                .unwrap();
            let Some(last) = page.last() else { break };
            after = Some(AfterRating::of(last));
            paged.extend(page);
        }
        assert_eq!(paged, whole);
    }
}

/// Gives `id` as many ratings of `value` as there are.
fn rated(id: &str, value: i64, times: usize) -> Vec<Write> {
    (0..times).map(|i| put(id, &format!("user {i}"), value)).collect()
}

pub(crate) async fn the_top_is_ordered_by_weighted_mean(stores: &Stores) {
    let store = stores.first();
    for (id, value, times) in
        [("many", 9, 30), ("few", 10, 2), ("bad", 1, 30), ("b", 8, 3), ("B", 8, 3), ("a", 8, 3)]
    {
        apply(store, rated(id, value, times)).await;
    }
    let top = |min_count| async move {
        store
            .ratings
            .list_top_rated(TopRated { record_type: &RecordType::movie(), min_count, after: None, limit: 10 })
            .await
            .unwrap()
    };
    assert_eq!(ids(&top(1).await), ["many", "few", "B", "a", "b", "bad"]);
    assert_eq!(ids(&top(3).await), ["many", "B", "a", "b", "bad"]);
    assert_eq!(ids(&top(30).await), ["many", "bad"]);
    assert!(top(31).await.is_empty());
    assert_eq!(top(30).await[0], aggregate(store, "many").await.unwrap());
}

pub(crate) async fn the_top_pages_by_key(stores: &Stores) {
    let store = stores.first();
    for i in 0..17_usize {
        apply(store, rated(&format!("r{i}"), 1 + i64::try_from(i % 7).unwrap(), 1 + i % 3)).await;
    }
    let whole = store
        .ratings
        .list_top_rated(TopRated { record_type: &RecordType::movie(), min_count: 1, after: None, limit: 100 })
        .await
        .unwrap();
    assert_eq!(whole.len(), 17);
    let (mut paged, mut after): (Vec<Aggregate>, Option<AfterTop>) = (Vec::new(), None);
    loop {
        let page = store
            .ratings
            .list_top_rated(TopRated {
                record_type: &RecordType::movie(),
                min_count: 1,
                after: after.as_ref(),
                limit: 3,
            })
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        after = Some(AfterTop::of(last));
        paged.extend(page);
    }
    assert_eq!(paged, whole);
}

pub(crate) async fn a_changed_prior_changes_every_weighted_mean(stores: &Stores) {
    let store = stores.first();
    for id in ["1", "2"] {
        apply(store, rated(id, 9, 3)).await;
    }
    let prior = Prior::new(2.0, 3.3).unwrap();
    store.batches.set_prior(prior).await.unwrap();
    apply(store, rated("2", 10, 7)).await;
    apply(store, rated("3", 10, 7)).await;
    for id in ["1", "2", "3"] {
        let aggregate = aggregate(store, id).await.unwrap();
        assert_eq!(
            aggregate.weighted_mean.to_bits(),
            prior.weighted_mean(&aggregate.histogram).to_bits(),
            "{id}"
        );
    }
    assert_eq!(aggregate(store, "1").await.unwrap().revision, 3);
    assert_eq!(
        ids(&store
            .ratings
            .list_top_rated(TopRated {
                record_type: &RecordType::movie(),
                min_count: 1,
                after: None,
                limit: 9
            })
            .await
            .unwrap()),
        ["2", "3", "1"]
    );
}

fn partition(number: i32) -> Partition {
    Partition { cluster: "c".into(), topic: "ratings".into(), partition: number }
}

pub(crate) fn advance(number: i32, from: Option<i64>, next_offset: i64) -> Advance {
    let (skipped, last_timestamp, last_digest) = (next_offset / 2, next_offset + 1, -next_offset);
    let to = Position { next_offset, skipped, last_timestamp, last_digest };
    Advance { partition: partition(number), from, to }
}

pub(crate) async fn positions_are_stored_with_their_batch(stores: &Stores) {
    let store = stores.first();
    let first =
        Batch { writes: vec![put("1", "ann", 5)], offsets: vec![advance(1, None, 7), advance(0, None, 2)] };
    store.batches.apply(0, &first).await.unwrap();
    let second = Batch { writes: Vec::new(), offsets: vec![advance(1, Some(7), 9)] };
    assert!(store.batches.apply(0, &second).await.unwrap().is_empty());
    let expected = vec![(0, advance(0, None, 2).to), (1, advance(1, None, 9).to)];
    assert_eq!(store.repository.positions("c", "ratings").await.unwrap(), expected);
    assert!(store.repository.positions("c", "other").await.unwrap().is_empty());
    assert!(store.repository.positions("d", "ratings").await.unwrap().is_empty());
}

pub(crate) async fn a_batch_that_expects_another_position_is_refused_whole(stores: &Stores) {
    let store = stores.first();
    store.batches.apply(0, &Batch { writes: Vec::new(), offsets: vec![advance(1, None, 7)] }).await.unwrap();
    for stale in [None, Some(6), Some(8)] {
        let offsets = vec![advance(0, None, 1), advance(1, stale, 9)];
        let batch = Batch { writes: vec![put("1", "ann", 5)], offsets };
        match store.batches.apply(0, &batch).await {
            Err(Error::Fenced(fenced)) => assert_eq!(fenced, partition(1)),
            other => panic!("{stale:?} gave {other:?}"),
        }
    }
    let unknown = Batch { writes: vec![put("1", "ann", 5)], offsets: vec![advance(3, Some(0), 9)] };
    assert!(matches!(store.batches.apply(0, &unknown).await, Err(Error::Fenced(_))));
    assert_eq!(store.repository.positions("c", "ratings").await.unwrap(), vec![(1, advance(1, None, 7).to)]);
    assert_eq!(aggregate(store, "1").await, None);
    assert_eq!(apply(store, vec![put("1", "ann", 5)]).await, [Outcome::Created]);
}

pub(crate) async fn forgotten_positions_are_gone(stores: &Stores) {
    let store = stores.first();
    store.batches.apply(0, &Batch { writes: Vec::new(), offsets: vec![advance(1, None, 7)] }).await.unwrap();
    store.repository.forget_positions("other").await.unwrap();
    assert_eq!(store.repository.positions("c", "ratings").await.unwrap().len(), 1);
    store.repository.forget_positions("ratings").await.unwrap();
    assert!(store.repository.positions("c", "ratings").await.unwrap().is_empty());
}

pub(crate) async fn the_clusters_of_a_topic_are_known(stores: &Stores) {
    let store = stores.first();
    assert!(store.repository.clusters("ratings").await.unwrap().is_empty());
    let of = |cluster: &str, topic: &str, number| {
        let partition = Partition { cluster: cluster.into(), topic: topic.into(), partition: number };
        Advance { partition, ..advance(number, None, 1) }
    };
    let offsets =
        vec![of("d", "ratings", 0), of("d", "ratings", 1), of("C", "ratings", 0), of("e", "other", 0)];
    store.batches.apply(0, &Batch { writes: Vec::new(), offsets }).await.unwrap();
    assert_eq!(store.repository.clusters("ratings").await.unwrap(), ["C", "d"]);
}

pub(crate) async fn a_large_batch_is_applied_whole(stores: &Stores) {
    let store = stores.first();
    let writes: Vec<Write> =
        (0..20_013).map(|i| put(&format!("{}", i % 997), &format!("{}", i / 997), 1 + i % 10)).collect();
    assert_eq!(apply(store, writes.clone()).await, vec![Outcome::Created; 20_013]);
    assert_eq!(apply(store, writes).await, vec![Outcome::Unchanged; 20_013]);
    let asked: Vec<RecordId> = (0..997).map(|i| RecordId::new(format!("{i}")).unwrap()).collect();
    let found = store.ratings.batch_get_aggregates(&RecordType::movie(), &asked).await.unwrap();
    assert_eq!(found.iter().map(|aggregate| aggregate.histogram.count()).sum::<u64>(), 20_013);
}
