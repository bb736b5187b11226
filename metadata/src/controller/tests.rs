//! The controller's own rules, with a memory store.

use super::*;
use crate::repository::memory;
use model::page::Size;
use model::{Genres, MAX_BATCH, Text, Title};

fn controller() -> Controller {
    let repository = Arc::new(memory::Repository::default());
    Controller::new(repository.clone(), Arc::new(Writer::start(repository)))
}

fn id(text: impl Into<String>) -> RecordId {
    RecordId::new(text.into()).unwrap()
}

fn movie(id_: impl Into<String>, title: &str) -> Metadata {
    Metadata {
        id: id(id_),
        title: Title::new(title).unwrap(),
        description: Text::default(),
        director: Text::default(),
        release_year: None,
        genres: Genres::default(),
        revision: 0,
    }
}

fn page(size: i64, token: Option<String>) -> page::Request {
    page::Request { size: Size::new(size).unwrap(), token }
}

fn ids(metadata: &[Arc<Metadata>]) -> Vec<&str> {
    metadata.iter().map(|metadata| metadata.id.as_str()).collect()
}

#[track_caller]
fn assert_invalid<T: std::fmt::Debug>(result: Result<T, Error>, fields: &[&str]) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidArgument, "{error}");
    let found: Vec<_> = error.violations().iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(found, fields);
}

#[tokio::test]
async fn absence_is_not_found() {
    let controller = controller();
    assert_eq!(controller.get(&id("x")).await.unwrap_err().kind(), Kind::NotFound);
    assert_eq!(controller.delete(&id("x")).await.unwrap_err().kind(), Kind::NotFound);
    controller.put(movie("x", "X")).await.unwrap();
    assert_eq!(controller.get(&id("x")).await.unwrap().title.as_str(), "X");
    controller.delete(&id("x")).await.unwrap();
    assert_eq!(controller.get(&id("x")).await.unwrap_err().to_string(), "no metadata with id \"x\"");
}

#[tokio::test]
async fn batch_get_keeps_order_and_takes_at_most_500_ids() {
    let controller = controller();
    controller.batch_put(vec![movie("a", "A"), movie("b", "B")]).await.unwrap();
    let found = controller.batch_get(&["b", "c", "a"].map(id)).await.unwrap();
    assert_eq!(ids(&found), ["b", "a"]);
    assert!(controller.batch_get(&vec![id("a"); MAX_BATCH]).await.is_ok());
    assert_invalid(controller.batch_get(&vec![id("a"); MAX_BATCH + 1]).await, &["ids"]);
}

#[tokio::test]
async fn batch_put_takes_1_to_500_distinct_ids() {
    let controller = controller();
    let movies = |count: usize| (0..count).map(|i| movie(i.to_string(), "Movie")).collect::<Vec<_>>();
    assert_invalid(controller.batch_put(movies(0)).await, &["metadata"]);
    assert_invalid(controller.batch_put(movies(MAX_BATCH + 1)).await, &["metadata"]);
    let duplicates = ["a", "b", "c", "a", "b"].map(|id| movie(id, "Movie")).to_vec();
    assert_invalid(controller.batch_put(duplicates).await, &["metadata[3].id", "metadata[4].id"]);
    assert!(controller.list(&page(1, None)).await.unwrap().items.is_empty());
    assert_eq!(controller.batch_put(movies(MAX_BATCH)).await.unwrap().len(), MAX_BATCH);
}

#[tokio::test]
async fn list_pages_return_each_record_once() {
    let controller = controller();
    controller.batch_put((0..7).map(|i| movie(i.to_string(), "Movie")).collect()).await.unwrap();
    let (mut seen, mut token) = (Vec::new(), None);
    loop {
        let found = controller.list(&page(3, token)).await.unwrap();
        seen.extend(found.items);
        token = found.next;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(ids(&seen), ["0", "1", "2", "3", "4", "5", "6"]);
}

#[tokio::test]
async fn search_pages_by_rank_and_empty_query_lists_all() {
    let controller = controller();
    let titles = ["Star Warship", "Wars of the Star", "Star Wars", "Stars"];
    let movies = titles.iter().enumerate().map(|(i, title)| movie(i.to_string(), title)).collect();
    controller.batch_put(movies).await.unwrap();
    let first = controller.search("STAR wars", &page(2, None)).await.unwrap();
    assert_eq!(ids(&first.page.items), ["2", "1"]);
    let second = controller.search("STAR wars", &page(2, first.page.next)).await.unwrap();
    assert_eq!((ids(&second.page.items), second.page.next), (vec!["0"], None));
    assert_eq!(controller.search("", &page(9, None)).await.unwrap().page.items.len(), 4);
    assert!(controller.search(" % ", &page(9, None)).await.unwrap().page.items.is_empty());
    assert_invalid(controller.search(&"x".repeat(513), &page(9, None)).await, &["query"]);
}

#[tokio::test]
async fn token_is_bound_to_its_list_and_query() {
    let controller = controller();
    controller.batch_put((0..4).map(|i| movie(i.to_string(), "Star Movie")).collect()).await.unwrap();
    let listed = controller.list(&page(1, None)).await.unwrap().next;
    let found = controller.search("star", &page(1, None)).await.unwrap().page.next;
    assert!(listed.is_some() && found.is_some());
    assert!(controller.search("", &page(3, listed.clone())).await.is_ok());
    assert_invalid(controller.search("star", &page(1, listed)).await, &["page_token"]);
    assert_invalid(controller.search("movie", &page(1, found.clone())).await, &["page_token"]);
    assert_invalid(controller.list(&page(1, found)).await, &["page_token"]);
    assert_invalid(controller.list(&page(1, Some("x".into()))).await, &["page_token"]);
}

#[tokio::test]
async fn query_without_matches_is_corrected_on_every_page() {
    let controller = controller();
    let titles = ["Interstellar", "Interstellar II", "Interstellar III", "Amélie Poulain"];
    let movies = titles.iter().enumerate().map(|(i, title)| movie(i.to_string(), title)).collect();
    controller.batch_put(movies).await.unwrap();
    let (mut seen, mut token) = (Vec::new(), None);
    loop {
        let found = controller.search("Interstelar", &page(1, token)).await.unwrap();
        assert_eq!(found.corrected.as_deref(), Some("interstellar"));
        seen.extend(found.page.items);
        token = found.page.next;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(ids(&seen), ["0", "1", "2"]);
    let corrected = async |query: &str| controller.search(query, &page(9, None)).await.unwrap().corrected;
    assert_eq!(corrected("AMÉLIE puolain").await.as_deref(), Some("AMÉLIE poulain"));
    assert_eq!(corrected("amleie pulain").await.as_deref(), Some("amelie poulain"));
    for query in ["interst", "interstellar ii", "interstellar x", "intrstelar", "zzzzz"] {
        assert_eq!(corrected(query).await, None, "{query}");
    }
}
