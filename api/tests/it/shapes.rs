//! The JSON shapes, and round trips of every message.

use api::{json, metadata, movie, rating};
use model::{
    Aggregate, Genres, Histogram, Metadata, MovieDetails, Part, ProviderId, Rating, RatingEvent, Record,
    RecordId, RecordType, ReleaseYear, Text, Timestamp, Title, UserId, Value,
};
use serde_json::json;

fn amelie() -> Metadata {
    Metadata {
        id: RecordId::new("1").unwrap(),
        title: Title::new("Amélie").unwrap(),
        description: Text::default(),
        director: Text::director("Jean-Pierre Jeunet").unwrap(),
        release_year: Some(ReleaseYear::new(2001).unwrap()),
        genres: Genres::new(vec!["Comedy".into()]).unwrap(),
        revision: 7,
    }
}

fn record() -> Record {
    Record { record_type: RecordType::movie(), record_id: RecordId::new("1").unwrap() }
}

fn aggregate() -> Aggregate {
    Aggregate {
        record: record(),
        histogram: Histogram::new([0, 0, 0, 1, 0, 0, 0, 0, 0, 3]),
        weighted_mean: 7.1,
        revision: 4,
    }
}

fn rating() -> Rating {
    Rating {
        record: record(),
        user_id: UserId::new("ann").unwrap(),
        value: Value::new(5).unwrap(),
        provider_id: Some(ProviderId::new("imdb").unwrap()),
        rated_at: Timestamp::parse("2026-11-21T12:00:00.5Z").unwrap(),
    }
}

#[test]
fn movie_is_camel_case_json_without_absent_fields() {
    let whole = MovieDetails { metadata: amelie(), rating: Some(aggregate()), partial: Vec::new() };
    let metadata = json!({
        "id": "1", "title": "Amélie", "description": "", "director": "Jean-Pierre Jeunet",
        "releaseYear": 2001, "genres": ["Comedy"], "revision": 7,
    });
    assert_eq!(
        serde_json::to_value(json::Movie::from(&whole)).unwrap(),
        json!({
            "metadata": metadata,
            "rating": {
                "count": 4, "sum": 34, "mean": 8.5, "weightedMean": 7.1,
                "histogram": [0, 0, 0, 1, 0, 0, 0, 0, 0, 3], "revision": 4,
            },
        })
    );
    assert_eq!(
        serde_json::to_value(json::ShortMovie::from(&whole)).unwrap(),
        json!({ "rating": 8.5, "metadata": metadata })
    );
    let partial = MovieDetails { metadata: amelie(), rating: None, partial: vec![Part::Rating] };
    assert_eq!(
        serde_json::to_value(json::Movie::from(&partial)).unwrap(),
        json!({ "metadata": metadata, "partial": ["rating"] })
    );
}

#[test]
fn protobuf_movie_has_its_parts() {
    for (rating, partial) in [(Some(aggregate()), vec![]), (None, vec![]), (None, vec![Part::Rating])] {
        let movie = MovieDetails { metadata: amelie(), rating: rating.clone(), partial: partial.clone() };
        let expected = movie::v1::MovieDetails {
            rating: rating.as_ref().map(Aggregate::mean),
            metadata: Some((&amelie()).into()),
            aggregate: rating.as_ref().map(Into::into),
            partial: partial.into_iter().map(|part| part.name().to_owned()).collect(),
        };
        assert_eq!(movie::v1::MovieDetails::from(&movie), expected);
    }
}

#[test]
fn rating_and_aggregate_contain_their_record() {
    assert_eq!(
        serde_json::to_value(json::Rating::from(rating())).unwrap(),
        json!({
            "recordType": "movie", "recordId": "1", "userId": "ann", "value": 5,
            "providerId": "imdb", "ratedAt": "2026-11-21T12:00:00.500Z",
        })
    );
    let list = json::AggregateList::from(vec![aggregate()]);
    assert_eq!(
        serde_json::to_value(list).unwrap(),
        json!({ "aggregates": [{
            "recordType": "movie", "recordId": "1", "count": 4, "sum": 34, "mean": 8.5,
            "weightedMean": 7.1, "histogram": [0, 0, 0, 1, 0, 0, 0, 0, 0, 3], "revision": 4,
        }] })
    );
}

#[test]
fn domain_types_round_trip_through_both_encodings() {
    let as_json = serde_json::to_string(&amelie()).unwrap();
    let back: json::Metadata = serde_json::from_str(&as_json).unwrap();
    assert_eq!(Metadata::try_from(back).unwrap(), amelie());
    assert_eq!(Metadata::try_from(metadata::v1::Metadata::from(&amelie())).unwrap(), amelie());

    let back = json::Aggregate::from(&aggregate());
    assert_eq!(Aggregate::try_from(back).unwrap(), aggregate());
    assert_eq!(Aggregate::try_from(rating::v1::AggregatedRating::from(&aggregate())).unwrap(), aggregate());
}

#[test]
fn events_round_trip_through_json() {
    let delete = RatingEvent::Delete { record: record(), user_id: UserId::new("ann \"q\"").unwrap() };
    for event in [RatingEvent::Put(rating()), delete] {
        let text = serde_json::to_string(&json::RatingEvent::from(&event)).unwrap();
        let back: json::RatingEvent<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(back.event(Timestamp::now()).unwrap(), event);
    }
}

#[test]
fn event_without_type_is_a_put_at_arrival_time() {
    let now = Timestamp::from_millis(1_000).unwrap();
    let text = r#"{"userId":"ann","recordId":"1","recordType":"movie","value":5,"new":{}}"#;
    let event: json::RatingEvent<'_> = serde_json::from_str(text).unwrap();
    let expected = Rating { provider_id: None, rated_at: now, ..rating() };
    assert_eq!(event.event(now).unwrap(), RatingEvent::Put(expected.clone()));

    let message = rating::v1::RatingEvent {
        user_id: "ann".into(),
        record_id: "1".into(),
        record_type: "movie".into(),
        value: 5,
        ..Default::default()
    };
    assert_eq!(message.event(now).unwrap(), RatingEvent::Put(expected));
}
