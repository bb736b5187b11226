//! JSON bodies.

use super::reason::{quoted, reason};
use crate::Problem;
use crate::layer::MAX_BODY;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, Method, header};
use http_body::Body;
use http_body_util::BodyExt;
use jsontext::Objects;
use mediatype::MediaType;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use std::fmt::Write as _;

/// The initial capacity of the buffer for a response, in bytes; a single record takes less.
const CAPACITY: usize = 512;

/// A JSON body, in a request (of at most 1 MiB) or a response.
///
/// A content type other than JSON is 415. So is a POST with a body but without a content type, which any web page can
/// make a browser send. Errors name the field by its path (`metadata[3].title`), or `body` if it can't be parsed.
/// A byte order mark before the JSON is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_content_type(&request)?;
        parse(&read(request).await?).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        PreSerialized::new(&self.0).into_response()
    }
}

/// A JSON body of a response that was serialized before, or why that failed.
#[derive(Debug)]
pub struct PreSerialized(pub serde_json::Result<Bytes>);

impl PreSerialized {
    /// Serializes `value`, which may borrow what the caller drops.
    pub fn new(value: &impl Serialize) -> Self {
        let mut json = Vec::with_capacity(CAPACITY);
        Self(serde_json::to_writer(&mut json, value).map(|()| json.into()))
    }
}

impl IntoResponse for PreSerialized {
    fn into_response(self) -> Response {
        match self.0 {
            Ok(body) => {
                let mut response = Response::new(body.into());
                let content_type = HeaderValue::from_static("application/json");
                response.headers_mut().insert(header::CONTENT_TYPE, content_type);
                response
            }
            Err(error) => {
                Problem::internal(format!("can't serialize a response as JSON: {error}")).into_response()
            }
        }
    }
}

fn check_content_type<B: Body>(request: &http::Request<B>) -> Result<(), Problem> {
    let Some(given) = request.headers().get(header::CONTENT_TYPE) else {
        if request.method() == Method::POST && !request.body().is_end_stream() {
            return Err(Problem::unsupported_media_type(
                "the body requires the content type application/json",
            ));
        }
        return Ok(());
    };
    let text = given.to_str().unwrap_or("unreadable");
    if MediaType::parse(text).is_ok_and(|media| is_json(&media)) {
        return Ok(());
    }
    let refusal = format!("the body's content type must be application/json, not {text}");
    Err(Problem::unsupported_media_type(refusal))
}

fn is_json(media: &MediaType<'_>) -> bool {
    media.ty == *"application" && media.suffix.unwrap_or(media.subty) == *"json"
}

async fn read(request: Request) -> Result<Bytes, Problem> {
    match request.into_body().collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if crate::layer::is_too_large(&error) => Err(Problem::payload_too_large(MAX_BODY)),
        Err(_) => Err(Problem::invalid("body", "ended before its declared length")),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let text = jsontext::text(body).map_err(|error| Problem::invalid("body", error.to_string()))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(Objects::new(&mut deserializer)).map_err(|error| {
        let place = place(error.path());
        refusal(&place, &error.into_inner())
    })?;
    deserializer.end().map_err(|error| refusal("", &error))?;
    Ok(value)
}

fn refusal(place: &str, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    if !error.is_data() {
        return Problem::invalid("body", reason(&format!("must be JSON: {text}")));
    }
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    if let Some(name) = quoted(text, "missing field ") {
        return Problem::invalid(joined(place, name), "is missing");
    }
    if let Some(name) = quoted(text, "duplicate field ") {
        return Problem::invalid(beside(place, name), "is given twice");
    }
    if let Some(name) = quoted(text, "unknown field ") {
        return Problem::invalid(beside(place, name), "is unknown");
    }
    Problem::invalid(if place.is_empty() { "body" } else { place }, reason(text))
}

/// Returns the path of `name` in the object at `place`.
fn joined(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

/// Returns the path of the key `name`; `place` is either that path itself or the object around it.
fn beside(place: &str, name: &str) -> String {
    let is_it = place == name || place.strip_suffix(name).is_some_and(|object| object.ends_with('.'));
    if is_it { place.to_owned() } else { joined(place, name) }
}

fn place(path: &serde_path_to_error::Path) -> String {
    let mut place = String::new();
    for segment in path {
        _ = match segment {
            Segment::Seq { index } => write!(place, "[{index}]"),
            Segment::Map { key } | Segment::Enum { variant: key } if place.is_empty() => {
                write!(place, "{key}")
            }
            Segment::Map { key } | Segment::Enum { variant: key } => write!(place, ".{key}"),
            Segment::Unknown => Ok(()),
        };
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Batch {
        #[expect(dead_code, reason = "only its refusal is looked at")]
        rows: Vec<Row>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Row {
        #[expect(dead_code, reason = "only its refusal is looked at")]
        release_year: i32,
        #[expect(dead_code, reason = "only its refusal is looked at")]
        title: Option<String>,
    }

    #[track_caller]
    fn refused(body: &str) -> String {
        let problem = parse::<Batch>(body.as_bytes()).unwrap_err();
        let body: serde_json::Value = serde_json::from_slice(&problem.body(None)).unwrap();
        assert_eq!(body["errors"].as_array().unwrap().len(), 1, "{body}");
        format!("{} {}", body["errors"][0]["field"], body["errors"][0]["reason"]).replace('"', "")
    }

    #[test]
    fn error_has_path_of_field_and_rule() {
        for (body, expected) in [
            (
                r#"{"rows":[{"releaseYear":1},{"releaseYear":4.5}]}"#,
                "rows[1].releaseYear must be a whole number, not",
            ),
            (
                r#"{"rows":[{"releaseYear":5.0}]}"#,
                "rows[0].releaseYear must be a whole number, not floating point",
            ),
            (r#"{"rows":[{"releaseYear":"5"}]}"#, "rows[0].releaseYear must be a whole number, not string"),
            (
                r#"{"rows":[{"releaseYear":99999999999}]}"#,
                "rows[0].releaseYear must be a whole number, not integer",
            ),
            (r#"{"rows":[{"title":"x"}]}"#, "rows[0].releaseYear is missing"),
            (r#"{"rows":[{"releaseYear":1,"titel":"x"}]}"#, "rows[0].titel is unknown"),
            (r#"{"rows":[{"releaseYear":1,"releaseYear":1}]}"#, "rows[0].releaseYear is given twice"),
            (r#"{"rows":[],"rows":[]}"#, "rows is given twice"),
            (r#"{"rows":{}}"#, "rows must be a list, not map"),
            (r#"{"rows":[],"x":1}"#, "x is unknown"),
            (r"{}", "rows is missing"),
            (r"[]", "body must be an object, not sequence"),
            (r"[[]]", "body must be an object, not sequence"),
            (r#"{"rows":[[1,"x"]]}"#, "rows[0] must be an object, not sequence"),
            (r#"{"rows":[{"releaseYear":1},[1,"x"]]}"#, "rows[1] must be an object, not sequence"),
            (r"5", "body must be an object, not integer"),
        ] {
            let refused = refused(body);
            assert!(refused.starts_with(expected), "{body}: {refused}");
        }
    }

    #[test]
    fn invalid_json_is_reported_as_body() {
        for body in ["", "{", "not json", r#"{"rows":[]} {}"#, r#"{"rows":[],}"#] {
            let refused = refused(body);
            assert!(refused.starts_with("body must be JSON: "), "{body}: {refused}");
        }
        assert!(parse::<Batch>(b"{\"rows\":[\"\xff\"]}").unwrap_err().body(None).len() > 10);
    }

    #[test]
    fn byte_order_mark_is_skipped_at_start_only() {
        assert!(parse::<Batch>("\u{feff}{\"rows\":[]}".as_bytes()).is_ok());
        for body in ["\u{feff}", "\u{feff}\u{feff}{\"rows\":[]}", "{\"rows\":[]}\u{feff}"] {
            assert!(refused(body).starts_with("body must be JSON: "), "{body:?}");
        }
        let body = parse::<Batch>(b"\xff\xfe{\0}\0").unwrap_err().body(None);
        assert!(String::from_utf8_lossy(&body).contains("begins with the byte order mark of UTF-16"));
    }

    fn request(method: Method, content_type: Option<&str>, body: &'static str) -> Request {
        let mut request = http::Request::builder().method(method);
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        request.body(axum::body::Body::from(body)).unwrap()
    }

    #[test]
    fn only_json_content_types_are_accepted() {
        for (given, taken) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/merge-patch+json", true),
            ("text/plain", false),
            ("application/json;profile=\"a;b, text/plain\" ; charset=utf-8;", true),
            ("application/JSON+json", true),
            ("text/plain; application/json", false),
            ("text/plain; x=application/json", false),
            ("application/json, application/json", false),
            ("application/json; charset", false),
            ("application/jsonx", false),
            ("application/+json", false),
            ("application/json+xml", false),
            ("text/json", false),
            ("multipart/form-data; boundary=x", false),
            ("application/x-www-form-urlencoded", false),
            ("", false),
        ] {
            for method in [Method::PUT, Method::POST] {
                let request = request(method, Some(given), "{}");
                assert_eq!(check_content_type(&request).is_ok(), taken, "{given}");
            }
        }
    }

    #[test]
    fn content_type_is_optional_if_no_page_can_send_the_request() {
        assert!(check_content_type(&request(Method::PUT, None, "{}")).is_ok());
        assert!(check_content_type(&request(Method::POST, None, "")).is_ok());
        let refused = check_content_type(&request(Method::POST, None, "{}")).unwrap_err();
        assert_eq!(refused.status(), 415);
    }
}
