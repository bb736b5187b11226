//! Rows of a CSV file, decoded by the columns of its header.
//!
//! A rating's fields contain no line breaks, so a row is always one line: an unclosed quote
//! invalidates only its own line.

use crate::event::{Event, reason};
use api::json::{EventType, RatingEvent};
use model::Timestamp;
use std::borrow::Cow;

/// The first row of the file has no known columns.
#[derive(Debug, thiserror::Error)]
#[error(
    "line {line} is not a known header: it must have the columns userId,recordId,recordType,value, \
     or userId,movieId,rating as MovieLens does"
)]
pub(crate) struct UnknownHeader {
    line: u64,
}

impl UnknownHeader {
    /// Creates the error for the line that should have been the header.
    pub(crate) const fn on(mut self, line: u64) -> Self {
        self.line = line;
        self
    }
}

/// The position of each column, counted from 0.
#[derive(Debug)]
pub(crate) enum Layout {
    /// The columns of our own files.
    Ratings(Ratings),
    /// The columns of MovieLens' `ratings.csv`.
    MovieLens(MovieLens),
}

#[derive(Debug)]
pub(crate) struct Ratings {
    user_id: usize,
    record_id: usize,
    record_type: usize,
    value: usize,
    provider_id: Option<usize>,
    event_type: Option<usize>,
    rated_at: Option<usize>,
}

#[derive(Debug)]
pub(crate) struct MovieLens {
    user_id: usize,
    movie_id: usize,
    rating: usize,
    timestamp: Option<usize>,
}

impl Layout {
    /// Finds the columns in a header.
    pub(crate) fn of(header: &[u8]) -> Result<Self, UnknownHeader> {
        Self::find(header).ok_or(UnknownHeader { line: 1 })
    }

    fn find(header: &[u8]) -> Option<Self> {
        let columns = fields(std::str::from_utf8(header).ok()?).ok()?;
        let at = |name: &str| columns.iter().position(|column| column.trim() == name);
        let user_id = at("userId")?;
        if let (Some(movie_id), Some(rating)) = (at("movieId"), at("rating")) {
            return Some(Self::MovieLens(MovieLens {
                user_id,
                movie_id,
                rating,
                timestamp: at("timestamp"),
            }));
        }
        Some(Self::Ratings(Ratings {
            user_id,
            record_id: at("recordId")?,
            record_type: at("recordType")?,
            value: at("value")?,
            provider_id: at("providerId"),
            event_type: at("eventType"),
            rated_at: at("ratedAt"),
        }))
    }

    /// Decodes one row into `event`.
    pub(crate) fn read(&self, row: &[u8], event: &mut Event) -> Result<(), String> {
        let row = std::str::from_utf8(row).map_err(|e| format!("not UTF-8 at byte {}", e.valid_up_to()))?;
        let row = Row(fields(row)?);
        let wire = match self {
            Self::Ratings(columns) => columns.event(&row)?,
            Self::MovieLens(columns) => columns.event(&row)?,
        };
        event.set(&wire).map_err(|e| reason(&e))
    }
}

impl Ratings {
    fn event<'a>(&self, row: &'a Row<'_>) -> Result<RatingEvent<'a>, String> {
        let event_type = match row.optional(self.event_type) {
            None => None,
            Some("put") => Some(EventType::Put),
            Some("delete") => Some(EventType::Delete),
            Some(other) => return Err(format!("eventType must be put or delete, not {other:?}")),
        };
        let value = match event_type {
            Some(EventType::Delete) => None,
            _ => Some(whole(row.required("value", self.value)?)?),
        };
        Ok(RatingEvent {
            user_id: Some(row.required("userId", self.user_id)?.into()),
            record_id: Some(row.required("recordId", self.record_id)?.into()),
            record_type: Some(row.required("recordType", self.record_type)?.into()),
            value,
            provider_id: row.optional(self.provider_id).map(Into::into),
            event_type,
            rated_at: row.optional(self.rated_at).map(Into::into),
        })
    }
}

impl MovieLens {
    fn event<'a>(&self, row: &'a Row<'_>) -> Result<RatingEvent<'a>, String> {
        let rated_at = row.optional(self.timestamp).map(from_seconds).transpose()?;
        Ok(RatingEvent {
            user_id: Some(row.required("userId", self.user_id)?.into()),
            record_id: Some(row.required("movieId", self.movie_id)?.into()),
            record_type: Some("movie".into()),
            value: Some(doubled(row.required("rating", self.rating)?)?),
            provider_id: None,
            event_type: None,
            rated_at: rated_at.map(|time| time.to_string().into()),
        })
    }
}

/// The fields of a row.
struct Row<'a>(Vec<Cow<'a, str>>);

impl Row<'_> {
    fn required(&self, name: &str, column: usize) -> Result<&str, String> {
        self.0
            .get(column)
            .map(|field| &**field)
            .ok_or_else(|| format!("no column {}, where {name} is expected", column + 1))
    }

    fn optional(&self, column: Option<usize>) -> Option<&str> {
        self.0.get(column?).map(|field| &**field).filter(|field| !field.is_empty())
    }
}

/// Splits a row at its commas; a quoted field may contain commas and doubled quotes (RFC 4180).
fn fields(row: &str) -> Result<Vec<Cow<'_, str>>, String> {
    let mut fields = Vec::with_capacity(8);
    let mut rest = row;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => {
                let (field, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
                (field.into(), after)
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(fields),
            None => return Err("text follows a closing quote".to_owned()),
        }
    }
}

/// Reads on after an opening quote; returns the field and the text after its closing quote.
fn quoted_field(text: &str) -> Result<(Cow<'_, str>, &str), String> {
    let mut from = 0;
    loop {
        let quote = from + text[from..].find('"').ok_or("a quote is never closed")?;
        if !text[quote + 1..].starts_with('"') {
            let (field, after) = (&text[..quote], &text[quote + 1..]);
            let field = if from == 0 { field.into() } else { field.replace("\"\"", "\"").into() };
            return Ok((field, after));
        }
        from = quote + 2;
    }
}

fn whole(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("value must be a whole number from 1 to 10, not {text:?}"))
}

/// Converts half stars to whole numbers: 0.5 is 1, 5.0 is 10.
fn doubled(text: &str) -> Result<i64, String> {
    let wrong = || format!("rating must be 0.5 to 5.0 in steps of 0.5, not {text:?}");
    let stars: f64 = text.parse().map_err(|_| wrong())?;
    let value = stars * 2.0;
    if (1.0..=10.0).contains(&value) && value.fract() == 0.0 {
        // Exact: a whole number from 1 to 10.
        Ok(value as i64)
    } else {
        Err(wrong())
    }
}

fn from_seconds(text: &str) -> Result<Timestamp, String> {
    let seconds: Option<i64> = text.parse().ok();
    let millis = seconds.and_then(|s| s.checked_mul(1000));
    let millis = millis.ok_or_else(|| format!("timestamp must be whole seconds since 1970, not {text:?}"))?;
    Timestamp::from_millis(millis).map_err(|e| format!("timestamp {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(layout: &Layout, row: &str) -> Result<String, String> {
        let mut event = Event::default();
        layout.read(row.as_bytes(), &mut event)?;
        Ok(String::from_utf8(event.json().to_vec()).unwrap())
    }

    #[test]
    fn movielens_stars_are_doubled_and_its_seconds_become_a_time() {
        let layout = Layout::of(b"userId,movieId,rating,timestamp").unwrap();
        assert_eq!(
            json(&layout, "1,70,3.5,964982400").unwrap(),
            r#"{"userId":"1","recordId":"70","recordType":"movie","value":7,"ratedAt":"2000-07-30T18:40:00.000Z"}"#
        );
        for (row, reason) in [
            ("1,70,5.5,964982400", "rating must be 0.5 to 5.0"),
            ("1,70,3.3,964982400", "rating must be 0.5 to 5.0"),
            ("1,70,NaN,964982400", "rating must be 0.5 to 5.0"),
            ("1,70,3.5,x", "timestamp must be whole seconds"),
            ("1,70,3.5,9223372036854775807", "timestamp must be whole seconds"),
            ("1,70", "no column 3, where rating is expected"),
        ] {
            let found = json(&layout, row).unwrap_err();
            assert!(found.starts_with(reason), "{row}: {found}");
        }
    }

    #[test]
    fn columns_are_found_by_name() {
        let layout = Layout::of(b"value,recordType,extra,recordId,userId,providerId").unwrap();
        assert_eq!(
            json(&layout, r#"5,movie,x,"a,""b""",u,"#).unwrap(),
            r#"{"userId":"u","recordId":"a,\"b\"","recordType":"movie","value":5}"#
        );
        assert!(json(&layout, "4.5,movie,,1,u,p").unwrap_err().starts_with("value must be a whole number"));
    }

    #[test]
    fn row_can_delete() {
        let layout = Layout::of(b"userId,recordId,recordType,value,eventType").unwrap();
        assert_eq!(
            json(&layout, "u,1,movie,,delete").unwrap(),
            r#"{"userId":"u","recordId":"1","recordType":"movie","eventType":"delete"}"#
        );
        assert!(json(&layout, "u,1,movie,5,drop").is_err());
    }

    #[test]
    fn unmatched_quote_invalidates_only_its_line() {
        assert_eq!(fields("a,\"b").unwrap_err(), "a quote is never closed");
        assert_eq!(fields("\"a\"b").unwrap_err(), "text follows a closing quote");
        assert_eq!(fields("\"\",\"\"\"\",").unwrap(), ["", "\"", ""]);
    }

    #[test]
    fn header_without_required_columns_is_rejected() {
        assert!(Layout::of(b"1,2,3,4").is_err());
        assert!(Layout::of(b"userId,recordId,value").is_err());
    }
}
