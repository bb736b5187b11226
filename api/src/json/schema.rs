//! The rules of the domain types as JSON Schemas, for OpenAPI documents: the JSON shapes and the parameters of the REST
//! routes refer to them. JSON Schema counts characters, the rules count bytes; the descriptions state the bytes.

use utoipa::ToSchema;

/// The id of a record: 1 to 128 bytes, no control characters, neither `.` nor `..`.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 128, pattern = r"^(?!\.{1,2}$)[^\u0000-\u001f\u007f-\u009f]+$")]
pub struct RecordId(pub String);

/// The type of a record, such as `movie`.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 32, pattern = "^[a-z0-9][a-z0-9_-]*$")]
pub struct RecordType(pub String);

/// The id of a user: 1 to 128 bytes, no control characters, neither `.` nor `..`.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 128, pattern = r"^(?!\.{1,2}$)[^\u0000-\u001f\u007f-\u009f]+$")]
pub struct UserId(pub String);

/// The source of a rating: 1 to 128 bytes, no control characters, neither `.` nor `..`.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 128, pattern = r"^(?!\.{1,2}$)[^\u0000-\u001f\u007f-\u009f]+$")]
pub struct ProviderId(pub String);

/// A rating's value: 1 (worst) to 10 (best).
#[derive(ToSchema)]
#[schema(minimum = 1, maximum = 10)]
pub struct RatingValue(pub i32);

/// The mean of rating values, 1 to 10.
#[derive(ToSchema)]
#[schema(minimum = 1, maximum = 10)]
pub struct Mean(pub f64);

/// A time in RFC 3339, in the years 1 to 9999; kept with milliseconds.
#[derive(ToSchema)]
#[schema(format = DateTime)]
pub struct Timestamp(pub String);

/// A movie's title: 1 to 512 bytes, no control characters.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 512, pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$")]
pub struct Title(pub String);

/// A movie's description: at most 16 KiB; line breaks and tabs are its only control characters.
#[derive(ToSchema)]
#[schema(max_length = 16_384, pattern = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$")]
pub struct Description(pub String);

/// The names of a movie's directors: at most 512 bytes, no control characters.
#[derive(ToSchema)]
#[schema(max_length = 512, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
pub struct Director(pub String);

/// A movie's genre: 1 to 64 bytes, no control characters.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 64, pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$")]
pub struct Genre(pub String);

/// The year of a movie's first release.
#[derive(ToSchema)]
#[schema(minimum = 1800, maximum = 3000)]
pub struct ReleaseYear(pub i32);

/// The maximum number of rows of a page.
#[derive(ToSchema)]
#[schema(minimum = 1, maximum = 500)]
pub struct PageSize(pub i32);

/// The `nextPageToken` of a list's previous page.
#[derive(ToSchema)]
#[schema(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
pub struct PageToken(pub String);

/// The minimum number of ratings of a record in a top list.
#[derive(ToSchema)]
#[schema(minimum = 1)]
pub struct MinCount(pub i64);

/// What is searched for, at most 512 bytes.
#[derive(ToSchema)]
#[schema(max_length = 512)]
pub struct Query(pub String);

/// A part of a movie that could not be fetched.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum MoviePart {
    /// The aggregate of its ratings.
    Rating,
}

/// The delivery guarantee of ingestion.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub enum Delivery {
    /// An event may be lost, never applied twice.
    AtMostOnce,
    /// An event may be applied twice, never lost.
    AtLeastOnce,
    /// An event is applied once.
    ExactlyOnce,
}

/// A [`PutMetadata`](super::PutMetadata) of a batch, where the id is required. Written out, because generators of
/// clients can't merge a required field with an optional one.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BatchedMetadata {
    /// 1 to 128 bytes, no control characters.
    pub id: RecordId,
    /// 1 to 512 bytes, no control characters.
    pub title: Title,
    /// At most 16 KiB; defaults to empty.
    pub description: Option<Description>,
    /// At most 512 bytes; defaults to empty.
    pub director: Option<Director>,
    /// 1800 to 3000.
    pub release_year: Option<ReleaseYear>,
    /// At most 32, each 1 to 64 bytes.
    #[schema(max_items = 32)]
    pub genres: Option<Vec<Genre>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use utoipa::PartialSchema;

    fn json<T: PartialSchema>() -> Value {
        serde_json::to_value(T::schema()).unwrap()
    }

    /// Asserts that the least and the greatest size or number in `schema` are those that `accepts` does.
    #[track_caller]
    fn assert_bounds(schema: &Value, accepts: impl Fn(i64) -> bool) {
        for (names, outward) in [(["minLength", "minimum"], -1), (["maxLength", "maximum"], 1)] {
            if let Some(bound) = names.iter().find_map(|name| schema[name].as_i64()) {
                assert!(accepts(bound), "{bound} of {schema}");
                assert!(!accepts(bound + outward), "{} beside {schema}", bound + outward);
            }
        }
    }

    #[test]
    fn bounds_are_those_of_the_model() {
        let text = |len: i64| "x".repeat(usize::try_from(len).unwrap());
        assert_bounds(&json::<RecordId>(), |len| model::RecordId::new(text(len)).is_ok());
        assert_bounds(&json::<RecordType>(), |len| model::RecordType::new(text(len)).is_ok());
        assert_bounds(&json::<UserId>(), |len| model::UserId::new(text(len)).is_ok());
        assert_bounds(&json::<ProviderId>(), |len| model::ProviderId::new(text(len)).is_ok());
        assert_bounds(&json::<Title>(), |len| model::Title::new(text(len)).is_ok());
        assert_bounds(&json::<Description>(), |len| model::Text::description(text(len)).is_ok());
        assert_bounds(&json::<Director>(), |len| model::Text::director(text(len)).is_ok());
        assert_bounds(&json::<Genre>(), |len| model::Genres::new(vec![text(len)]).is_ok());
        assert_bounds(&json::<Query>(), |len| model::search::Query::new(&text(len)).is_ok());
        assert_bounds(&json::<RatingValue>(), |value| model::Value::new(value).is_ok());
        assert_bounds(&json::<ReleaseYear>(), |year| model::ReleaseYear::new(year).is_ok());
        assert_bounds(&json::<PageSize>(), |size| model::page::Size::new(size).is_ok());
        assert_bounds(&json::<MinCount>(), |count| model::MinCount::new(count).is_ok());
    }

    #[test]
    fn batched_record_differs_from_put_record_only_in_its_required_id() {
        let (mut batched, mut put) = (json::<BatchedMetadata>(), json::<crate::json::PutMetadata>());
        for schema in [&mut batched, &mut put] {
            let schema = schema.as_object_mut().unwrap();
            schema.remove("description");
            schema["required"].as_array_mut().unwrap().retain(|name| name != "id");
            schema["properties"].as_object_mut().unwrap().remove("id");
        }
        assert_eq!(batched, put);
    }
}
