//! The metadata of a movie.

use crate::{Broken, RecordId, check_text};
use serde::Serialize;

const MAX_TITLE: usize = 512;
const MAX_DESCRIPTION: usize = 16 * 1024;
const MAX_DIRECTOR: usize = 512;
const MAX_GENRES: usize = 32;
const MAX_GENRE: usize = 64;

/// A movie's title: 1 to 512 bytes, no control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Title(String);

impl Title {
    /// Validates a title.
    pub fn new(text: impl Into<String>) -> Result<Self, Broken> {
        let text = text.into();
        check_text(&text, 1, MAX_TITLE)?;
        Ok(Self(text))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text about a movie, which may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    /// Validates a description: at most 16 KiB; line breaks and tabs are its only control characters.
    pub fn description(text: impl Into<String>) -> Result<Self, Broken> {
        let text = text.into();
        if text.contains(['\n', '\r', '\t']) {
            check_text(&text.replace(['\n', '\r', '\t'], " "), 0, MAX_DESCRIPTION)?;
        } else {
            check_text(&text, 0, MAX_DESCRIPTION)?;
        }
        Ok(Self(text))
    }

    /// Validates the name of one or more directors: at most 512 bytes, no control characters.
    pub fn director(text: impl Into<String>) -> Result<Self, Broken> {
        let text = text.into();
        check_text(&text, 0, MAX_DIRECTOR)?;
        Ok(Self(text))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The year in which a movie was first released: 1800 to 3000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ReleaseYear(u16);

impl ReleaseYear {
    /// Validates a year.
    pub fn new(year: i64) -> Result<Self, Broken> {
        match u16::try_from(year) {
            Ok(year @ 1800..=3000) => Ok(Self(year)),
            _ => Err(Broken::new(format!("must be a year from 1800 to 3000, not {year}"))),
        }
    }

    /// Returns the year of the Gregorian calendar.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// A movie's genres: at most 32, each 1 to 64 bytes without control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Genres(Vec<String>);

impl Genres {
    /// Validates genres.
    pub fn new(genres: Vec<String>) -> Result<Self, Broken> {
        if genres.len() > MAX_GENRES {
            return Err(Broken::new(format!("must be at most {MAX_GENRES}, not {}", genres.len())));
        }
        for (i, genre) in genres.iter().enumerate() {
            check_text(genre, 1, MAX_GENRE).map_err(|broken| Broken::new(format!("entry {i} {broken}")))?;
        }
        Ok(Self(genres))
    }

    /// Returns the genres in their original order.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// The metadata of a movie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The movie's id.
    pub id: RecordId,
    /// Its title.
    pub title: Title,
    /// Its description; may be empty.
    pub description: Text,
    /// Its director; may be empty.
    pub director: Text,
    /// Its release year, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_year: Option<ReleaseYear>,
    /// Its genres.
    pub genres: Genres,
    /// The database's change counter when this record was stored, from 1; 0 before it is stored.
    pub revision: u64,
}

impl Metadata {
    /// Returns the heap memory of its texts in bytes: title, description, director and genres.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        let genres = self.genres.as_slice().iter().map(|genre| size_of::<String>() + genre.len());
        let texts = [self.title.as_str(), self.description.as_str(), self.director.as_str()];
        genres.chain(texts.map(str::len)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_is_not_empty_and_has_no_control_characters() {
        assert!(Title::new("Amélie").is_ok());
        assert!(Title::new("").is_err());
        assert_eq!(
            Title::new("a\u{7}b").unwrap_err().to_string(),
            "must not contain control characters (U+0007)"
        );
        assert!(Title::new("x".repeat(513)).is_err());
    }

    #[test]
    fn description_may_have_line_breaks() {
        assert!(Text::description("one\n\ttwo\r\n").is_ok());
        assert!(Text::description("bell \u{7}").is_err());
        assert!(Text::description("x".repeat(16 * 1024 + 1)).is_err());
        assert!(Text::director("one\ntwo").is_err());
    }

    #[test]
    fn genres_are_limited_in_number_and_length() {
        assert!(Genres::new(vec!["Drama".into(); 32]).is_ok());
        assert!(Genres::new(vec!["Drama".into(); 33]).is_err());
        let error = Genres::new(vec!["Drama".into(), String::new()]).unwrap_err();
        assert_eq!(error.to_string(), "entry 1 must not be empty");
    }

    #[test]
    fn release_year_is_in_range() {
        assert_eq!(ReleaseYear::new(2001).unwrap().get(), 2001);
        assert!(ReleaseYear::new(1799).is_err());
        assert!(ReleaseYear::new(i64::MAX).is_err());
    }
}
