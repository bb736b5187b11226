//! Rows of a CSV file, decoded by the columns of its header.
//!
//! A rating's fields contain no line breaks, so a row is always one line: an unclosed quote
//! invalidates only its own line.

use crate::event::{Event, reason};
use api::json::{EventType, RatingEvent};
use model::Timestamp;
use movielens::row::{SEPARATORS, fields, whole};
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

/// The columns of a file, and what separates them.
#[derive(Debug)]
pub(crate) struct Layout {
    columns: Columns,
    separator: char,
}

/// The position of each column, counted from 0.
#[derive(Debug)]
enum Columns {
    /// The columns of our own files.
    Ratings(Ratings),
    /// The columns of MovieLens' `ratings.csv`.
    MovieLens(MovieLens),
}

#[derive(Debug)]
struct Ratings {
    user_id: usize,
    record_id: usize,
    record_type: usize,
    value: usize,
    provider_id: Option<usize>,
    event_type: Option<usize>,
    rated_at: Option<usize>,
}

#[derive(Debug)]
struct MovieLens {
    user_id: usize,
    movie_id: usize,
    rating: usize,
    timestamp: Option<usize>,
}

impl Layout {
    /// Finds the columns in a header, which are separated by commas, semicolons or tabs.
    pub(crate) fn of(header: &[u8]) -> Result<Self, UnknownHeader> {
        let header = std::str::from_utf8(header).unwrap_or_default();
        let layout = |separator| Some(Self { columns: Columns::find(header, separator)?, separator });
        SEPARATORS.into_iter().find_map(layout).ok_or(UnknownHeader { line: 1 })
    }

    /// Decodes one row into `event`.
    pub(crate) fn read(&self, row: &[u8], event: &mut Event) -> Result<(), String> {
        let row = std::str::from_utf8(row).map_err(|e| format!("not UTF-8 at byte {}", e.valid_up_to()))?;
        let row = Row(fields(row, self.separator)?);
        let wire = match &self.columns {
            Columns::Ratings(columns) => columns.event(&row)?,
            Columns::MovieLens(columns) => columns.event(&row)?,
        };
        event.set(&wire).map_err(|e| reason(&e))
    }
}

impl Columns {
    fn find(header: &str, separator: char) -> Option<Self> {
        let columns = fields(header, separator).ok()?;
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
            _ => Some(rating_value(row.required("value", self.value)?)?),
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

fn rating_value(text: &str) -> Result<i64, String> {
    whole(text).ok_or_else(|| format!("value must be a whole number from 1 to 10, not {text:?}"))
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
    let millis = whole(text).and_then(|s| s.checked_mul(1000));
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
        assert_eq!(json(&layout, "1,70,3.5,964982400.0"), json(&layout, "1,70,3.5,964982400"));
        for (row, reason) in [
            ("1,70,5.5,964982400", "rating must be 0.5 to 5.0"),
            ("1,70,3.3,964982400", "rating must be 0.5 to 5.0"),
            ("1,70,NaN,964982400", "rating must be 0.5 to 5.0"),
            ("1,70,3.5,964982400.5", "timestamp must be whole seconds"),
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
    fn blanks_and_separators_of_spreadsheets_are_accepted() {
        let expected = r#"{"userId":"u","recordId":"1","recordType":"movie","value":8,"ratedAt":"2026-11-21T12:00:00Z"}"#;
        for (header, row) in [
            ("userId,recordId,recordType,value,ratedAt", " u , 1,movie ,\t8 , 2026-11-21T12:00:00Z "),
            ("userId;recordId;recordType;value;ratedAt", "u;1;movie;8;2026-11-21T12:00:00Z"),
            ("userId\trecordId\trecordType\tvalue\tratedAt", "u\t1 \tmovie\t8\t2026-11-21T12:00:00Z"),
            (
                "\"userId\" ; recordId;recordType;value;ratedAt",
                "\"u\" ;\"1\"; movie;8.0;2026-11-21T12:00:00Z",
            ),
            ("userId, recordId, recordType, value, ratedAt", "u,1,movie,8.00,2026-11-21T12:00:00Z"),
        ] {
            assert_eq!(json(&Layout::of(header.as_bytes()).unwrap(), row).unwrap(), expected, "{header}");
        }
        let stars = Layout::of(b"userId;movieId;rating").unwrap();
        let event = json(&stars, "u; 1; 4.0").unwrap();
        assert_eq!(event, r#"{"userId":"u","recordId":"1","recordType":"movie","value":8}"#);
        let tabs = Layout::of(b"userId\trecordId\trecordType\tvalue\teventType").unwrap();
        assert!(json(&tabs, "u\t1\tmovie\t\tdelete").unwrap().contains("delete"));
    }

    #[test]
    fn value_is_a_whole_number() {
        let layout = Layout::of(b"userId,recordId,recordType,value").unwrap();
        for value in ["8.5", "8.", ".0", "8.0.0", "8,0", "8e0", "eight", "", "0x8", "8.0x", "11", "0", "-1"] {
            let row = format!("u,1,movie,\"{value}\"");
            assert!(json(&layout, &row).unwrap_err().starts_with("value must be a whole number"), "{value}");
        }
    }

    #[test]
    fn header_without_required_columns_is_rejected() {
        assert!(Layout::of(b"1,2,3,4").is_err());
        assert!(Layout::of(b"userId,recordId,value").is_err());
    }
}
