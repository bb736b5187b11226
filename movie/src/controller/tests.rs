//! The controller with gateways that succeed, fail or stay silent.

use super::*;
use async_trait::async_trait;
use fault::Invalid;
use model::{Genres, Histogram, Record, Text, Title};
use std::time::Duration;
use tokio::time::sleep_until;

/// The behaviour of a service.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Well,
    Down,
    Silent,
    Refusing,
}

impl Mood {
    async fn act<T>(self, service: &'static str, value: T, deadline: Instant) -> Result<T, gateway::Error> {
        match self {
            Self::Well => Ok(value),
            Self::Down => Err(gateway::Error::unavailable(service, "connection refused")),
            Self::Silent => {
                sleep_until(deadline).await;
                Err(gateway::Error::Late { service })
            }
            Self::Refusing => Err(gateway::Error::Refused(Invalid::field("page_token", "is another list's"))),
        }
    }
}

fn id(text: &str) -> RecordId {
    RecordId::new(text).unwrap()
}

fn metadata(name: &str) -> Metadata {
    Metadata {
        id: id(name),
        title: Title::new(format!("Movie {name}")).unwrap(),
        description: Text::default(),
        director: Text::default(),
        release_year: None,
        genres: Genres::default(),
        revision: 1,
    }
}

fn aggregate(name: &str) -> Aggregate {
    Aggregate {
        record: Record { record_type: RecordType::movie(), record_id: id(name) },
        histogram: Histogram::new([0, 0, 0, 0, 0, 0, 0, 0, 0, 2]),
        weighted_mean: 7.0,
        revision: 2,
    }
}

/// Has the movies `1` to `4`.
struct FakeMetadata(Mood);

#[async_trait]
impl MetadataGateway for FakeMetadata {
    async fn get(&self, id: &RecordId, deadline: Instant) -> Result<Option<Metadata>, gateway::Error> {
        let known = ("1"..="4").contains(&id.as_str());
        self.0.act("metadata", known.then(|| metadata(id.as_str())), deadline).await
    }

    async fn batch_get(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Metadata>, gateway::Error> {
        let known = ids.iter().map(RecordId::as_str).filter(|id| ("1"..="4").contains(id));
        self.0.act("metadata", known.map(metadata).collect(), deadline).await
    }

    async fn search(
        &self,
        _: &str,
        _: &Request,
        deadline: Instant,
    ) -> Result<Found<Metadata>, gateway::Error> {
        let page = Page { items: vec![metadata("2"), metadata("1")], next: Some("next".into()) };
        let page = Found { page, corrected: Some("movie".into()) };
        self.0.act("metadata", page, deadline).await
    }
}

/// Has ratings of the records `1` and `9`.
struct FakeRating(Mood);

#[async_trait]
impl RatingGateway for FakeRating {
    async fn get_aggregate(
        &self,
        _: &RecordType,
        id: &RecordId,
        deadline: Instant,
    ) -> Result<Option<Aggregate>, gateway::Error> {
        let rated = id.as_str() == "1";
        self.0.act("rating", rated.then(|| aggregate("1")), deadline).await
    }

    async fn batch_get_aggregates(
        &self,
        _: &RecordType,
        ids: &[RecordId],
        deadline: Instant,
    ) -> Result<Vec<Aggregate>, gateway::Error> {
        let rated = ids.iter().any(|id| id.as_str() == "1");
        self.0.act("rating", rated.then(|| aggregate("1")).into_iter().collect(), deadline).await
    }

    async fn list_top_rated(
        &self,
        _: &RecordType,
        _: MinCount,
        _: &Request,
        deadline: Instant,
    ) -> Result<Page<Aggregate>, gateway::Error> {
        let page = Page { items: vec![aggregate("9"), aggregate("1")], next: None };
        self.0.act("rating", page, deadline).await
    }
}

fn controller(metadata: Mood, rating: Mood) -> Controller {
    Controller::new(Arc::new(FakeMetadata(metadata)), Arc::new(FakeRating(rating)))
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(200)
}

#[tokio::test(start_paused = true)]
async fn movie_is_complete_if_both_services_respond() {
    let rated = controller(Mood::Well, Mood::Well).get(&id("1"), soon()).await.unwrap();
    assert_eq!(rated.rating, Some(aggregate("1")));
    assert!(rated.partial.is_empty());
    let unrated = controller(Mood::Well, Mood::Well).get(&id("2"), soon()).await.unwrap();
    assert!(unrated.rating.is_none() && unrated.partial.is_empty());
}

#[tokio::test(start_paused = true)]
async fn missing_ratings_give_partial_movie_within_deadline() {
    for mood in [Mood::Down, Mood::Silent] {
        let (started, deadline) = (Instant::now(), soon());
        let movie = controller(Mood::Well, mood).get(&id("1"), deadline).await.unwrap();
        assert_eq!((&movie.rating, &*movie.partial), (&None, &[Part::Rating][..]));
        assert!(Instant::now() <= deadline + Duration::from_millis(1), "{:?}", started.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn metadata_decides_without_waiting_for_rating() {
    let started = Instant::now();
    let error = controller(Mood::Down, Mood::Silent).get(&id("1"), soon()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    let error = controller(Mood::Well, Mood::Silent).get(&id("5"), soon()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(started.elapsed(), Duration::ZERO);
    let error = controller(Mood::Silent, Mood::Well).get(&id("1"), soon()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn batch_keeps_requested_order_and_omits_missing_movies() {
    let ids = ["3", "7", "1"].map(id);
    let movies = controller(Mood::Well, Mood::Well).batch_get(&ids, soon()).await.unwrap();
    let found: Vec<_> =
        movies.iter().map(|movie| (movie.metadata.id.as_str(), movie.rating.is_some())).collect();
    assert_eq!(found, [("3", false), ("1", true)]);
    let partial = controller(Mood::Well, Mood::Silent).batch_get(&ids, soon()).await.unwrap();
    assert!(partial.iter().all(|movie| movie.partial == [Part::Rating]));
    assert!(controller(Mood::Down, Mood::Well).batch_get(&ids, soon()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn search_keeps_order_and_token() {
    let page = controller(Mood::Well, Mood::Well).search("movie", &Request::default(), soon()).await.unwrap();
    assert_eq!(page.corrected.as_deref(), Some("movie"));
    let page = page.page;
    let found: Vec<_> =
        page.items.iter().map(|movie| (movie.metadata.id.as_str(), movie.rating.is_some())).collect();
    assert_eq!(found, [("2", false), ("1", true)]);
    assert_eq!(page.next.as_deref(), Some("next"));
    let page = controller(Mood::Well, Mood::Down).search("movie", &Request::default(), soon()).await.unwrap();
    assert_eq!(page.corrected.as_deref(), Some("movie"));
    let page = page.page;
    assert!(page.items.iter().all(|movie| movie.partial == [Part::Rating]));
}

#[tokio::test(start_paused = true)]
async fn top_list_skips_records_without_metadata_and_needs_ratings() {
    let top = |metadata, rating| async move {
        controller(metadata, rating).list_top(MinCount::default(), &Request::default(), soon()).await
    };
    let page = top(Mood::Well, Mood::Well).await.unwrap();
    assert_eq!(page.items.iter().map(|movie| movie.metadata.id.as_str()).collect::<Vec<_>>(), ["1"]);
    assert_eq!(top(Mood::Well, Mood::Down).await.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(top(Mood::Down, Mood::Well).await.unwrap_err().kind(), Kind::Unavailable);
    let refused = top(Mood::Well, Mood::Refusing).await.unwrap_err();
    assert_eq!(refused.violations().first().unwrap().field, "page_token");
}
