//! No shape can be given as the array of its fields, at any depth.

use api::json;
use jsontext::from_slice;
use serde_json::{Value, json};

/// Returns the paths of the objects in `value`.
fn objects(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.push(path.to_owned());
            for (name, value) in fields {
                objects(value, &format!("{path}/{name}"), found);
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                objects(value, &format!("{path}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// Checks that `example` is decoded, and no longer if any of its objects is the array of its first fields, or of nulls.
fn check(example: &Value, decode: fn(&[u8]) -> serde_json::Result<()>) {
    let decode = |value: &Value| decode(value.to_string().as_bytes());
    decode(example).unwrap();
    let mut paths = Vec::new();
    objects(example, "", &mut paths);
    assert!(!paths.is_empty());
    for path in paths {
        let fields: Vec<Value> =
            example.pointer(&path).unwrap().as_object().unwrap().values().cloned().collect();
        for array in [fields, vec![Value::Null; 8]] {
            for length in 0..=array.len() {
                let mut changed = example.clone();
                *changed.pointer_mut(&path).unwrap() = array[..length].into();
                let error = decode(&changed).unwrap_err().to_string();
                assert!(error.starts_with("invalid type: sequence, expected struct "), "{changed}: {error}");
            }
        }
    }
}

#[test]
fn shape_is_not_decoded_from_array_of_its_fields() {
    let put = json!({
        "id": "1", "title": "Star", "description": "d", "director": "x", "releaseYear": 1999, "genres": ["Drama"],
    });
    let mut stored = put.clone();
    stored["revision"] = 7.into();
    let batch = json!({ "metadata": [put, put] });
    let event =
        json!({ "userId": "u", "recordId": "1", "recordType": "movie", "value": 7, "eventType": "put" });
    let metadata = json!({ "metadata": [stored], "nextPageToken": "t" });
    let aggregates = json!({ "aggregates": [{
        "recordType": "movie", "recordId": "1", "count": 1, "sum": 5, "mean": 5.0, "weightedMean": 5.0,
        "histogram": [0, 0, 0, 0, 1, 0, 0, 0, 0, 0], "revision": 1,
    }] });
    let ratings = json!({ "ratings": [{
        "recordType": "movie", "recordId": "1", "userId": "u", "value": 7, "ratedAt": "t",
    }] });
    let rating = json!({ "value": 7, "providerId": "p", "ratedAt": "t" });
    check(&put, |text| from_slice::<json::PutMetadata>(text).map(drop));
    check(&json!({}), |text| from_slice::<json::PutMetadata>(text).map(drop));
    check(&batch, |text| from_slice::<json::BatchPutMetadata>(text).map(drop));
    check(&rating, |text| from_slice::<json::PutRating>(text).map(drop));
    check(&event, |text| from_slice::<json::RatingEvent<'_>>(text).map(drop));
    check(&metadata, |text| from_slice::<json::MetadataList>(text).map(drop));
    check(&aggregates, |text| from_slice::<json::AggregateList>(text).map(drop));
    check(&ratings, |text| from_slice::<json::RatingList>(text).map(drop));
}
