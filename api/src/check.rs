//! Conversion of unchecked fields into domain types. All violations of a message are collected, each with its field.

use fault::{Invalid, Violation};
use foldhash::{HashSet, HashSetExt};
use model::{
    Aggregate, Broken, Genres, Histogram, Metadata, ProviderId, Rating, Record, RecordId, RecordType,
    ReleaseYear, Text, Timestamp, Title, UserId, Value,
};

/// The violations found so far.
#[derive(Default)]
pub(crate) struct Check(Vec<Violation>);

impl Check {
    /// Returns a valid value, or records the violation of `field`.
    pub(crate) fn at<T>(&mut self, field: &str, result: Result<T, Broken>) -> Option<T> {
        result.map_err(|broken| self.0.push(Violation::new(field, broken.to_string()))).ok()
    }

    /// Like `at`, for an optional value; absence is valid.
    pub(crate) fn optional<T>(&mut self, field: &str, result: Option<Result<T, Broken>>) -> Option<T> {
        result.and_then(|result| self.at(field, result))
    }

    /// Like `at`, for a required value; absence is a violation of `field`.
    pub(crate) fn required<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        self.at(field, value.ok_or_else(|| Broken::new("is required")))
    }

    /// Returns the violations, or `value` if there are none.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Invalid> {
        match (Invalid::of(self.0), value) {
            (None, Some(value)) => Ok(value),
            (Some(invalid), _) => Err(invalid),
            (None, None) => Err(Invalid::field("message", "is missing a field")),
        }
    }
}

/// The fields of a metadata record, unchecked.
pub(crate) struct MetadataFields {
    pub(crate) id: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) description: String,
    pub(crate) director: String,
    pub(crate) release_year: Option<i64>,
    pub(crate) genres: Vec<String>,
    pub(crate) revision: u64,
}

pub(crate) fn metadata(fields: MetadataFields) -> Result<Metadata, Invalid> {
    let mut check = Check::default();
    let id = check.required("id", fields.id).and_then(|id| check.at("id", RecordId::new(id)));
    let title = check.required("title", fields.title).and_then(|title| check.at("title", Title::new(title)));
    let description = check.at("description", Text::description(fields.description));
    let director = check.at("director", Text::director(fields.director));
    let release_year = check.optional("release_year", fields.release_year.map(ReleaseYear::new));
    let genres = check.at("genres", Genres::new(fields.genres));
    let whole = id.zip(title).zip(description.zip(director)).zip(genres).map(
        |(((id, title), (description, director)), genres)| Metadata {
            id,
            title,
            description,
            director,
            release_year,
            genres,
            revision: fields.revision,
        },
    );
    check.finish(whole)
}

/// The user and record of a rating, unchecked.
pub(crate) struct RatingKey<'a> {
    pub(crate) user_id: Option<&'a str>,
    pub(crate) record_id: Option<&'a str>,
    pub(crate) record_type: Option<&'a str>,
}

impl RatingKey<'_> {
    pub(crate) fn check(&self, check: &mut Check) -> Option<(Record, UserId)> {
        let user =
            check.required("user_id", self.user_id).and_then(|id| check.at("user_id", UserId::new(id)));
        let record = check
            .required("record_id", self.record_id)
            .and_then(|id| check.at("record_id", RecordId::new(id)));
        let record_type = check
            .required("record_type", self.record_type)
            .and_then(|name| check.at("record_type", RecordType::new(name)));
        let (record_id, record_type) = record.zip(record_type)?;
        Some((Record { record_type, record_id }, user?))
    }
}

/// The fields of a put beside its key, unchecked.
pub(crate) struct RatingFields<'a> {
    /// The protocol's name of the value field.
    pub(crate) value_field: &'static str,
    pub(crate) value: Option<i64>,
    pub(crate) provider_id: Option<&'a str>,
    pub(crate) rated_at: Option<Result<Timestamp, Broken>>,
}

impl RatingFields<'_> {
    /// Returns the rating for a checked key; `now` is the default of `rated_at`.
    pub(crate) fn check(
        self,
        check: &mut Check,
        key: Option<(Record, UserId)>,
        now: Timestamp,
    ) -> Option<Rating> {
        let value = check
            .required(self.value_field, self.value)
            .and_then(|value| check.at(self.value_field, Value::new(value)));
        let provider_id = check.optional("provider_id", self.provider_id.map(ProviderId::new));
        let rated_at = check.optional("rated_at", self.rated_at).unwrap_or(now);
        let (record, user_id) = key?;
        Some(Rating { record, user_id, value: value?, provider_id, rated_at })
    }
}

/// The fields of an aggregate received from another service, unchecked.
pub(crate) struct AggregateFields<'a> {
    pub(crate) record_type: &'a str,
    pub(crate) record_id: &'a str,
    pub(crate) histogram: &'a [u64],
    pub(crate) weighted_mean: f64,
    pub(crate) revision: u64,
}

pub(crate) fn aggregate(fields: &AggregateFields<'_>) -> Result<Aggregate, Invalid> {
    let mut check = Check::default();
    let record_type = check.at("record_type", RecordType::new(fields.record_type));
    let record_id = check.at("record_id", RecordId::new(fields.record_id));
    let counts = <[u64; Value::COUNT]>::try_from(fields.histogram).map_err(|_| {
        Broken::new(format!("must have {} counts, not {}", Value::COUNT, fields.histogram.len()))
    });
    let histogram = check.at("histogram", counts).map(Histogram::new);
    let whole =
        record_type.zip(record_id).zip(histogram).map(|((record_type, record_id), histogram)| Aggregate {
            record: Record { record_type, record_id },
            histogram,
            weighted_mean: fields.weighted_mean,
            revision: fields.revision,
        });
    check.finish(whole)
}

/// Checks and deduplicates the ids of a batch. The size limit counts duplicates.
pub(crate) fn ids(field: &str, ids: Vec<String>) -> Result<Vec<RecordId>, Invalid> {
    model::check_batch(ids.len()).map_err(|broken| broken.at(field))?;
    let mut check = Check::default();
    let mut seen = HashSet::with_capacity(ids.len());
    let mut kept = Vec::with_capacity(ids.len());
    for (i, id) in ids.into_iter().enumerate() {
        match RecordId::new(id) {
            Ok(id) if seen.insert(id.clone()) => kept.push(id),
            Ok(_) => {}
            // The field name is formatted only for a violation.
            Err(broken) => check.0.push(Violation::new(format!("{field}[{i}]"), broken.to_string())),
        }
    }
    check.finish(Some(kept))
}

/// Checks a batch of metadata. Each violation names its row: `metadata[3].title`.
pub(crate) fn metadata_batch<T>(rows: Vec<T>) -> Result<Vec<Metadata>, Invalid>
where
    Metadata: TryFrom<T, Error = Invalid>,
{
    if rows.is_empty() {
        return Err(Invalid::field("metadata", "must not be empty"));
    }
    model::check_batch(rows.len()).map_err(|broken| broken.at("metadata"))?;
    let mut violations = Vec::new();
    let mut kept = Vec::with_capacity(rows.len());
    for (i, row) in rows.into_iter().enumerate() {
        match Metadata::try_from(row) {
            Ok(metadata) => kept.push(metadata),
            Err(invalid) => violations.extend(invalid.under(&format!("metadata[{i}].")).into_violations()),
        }
    }
    Invalid::of(violations).map_or(Ok(kept), Err)
}

/// The rows of a list that another service sent.
pub(crate) fn rows<T, U: TryFrom<T, Error = Invalid>>(rows: Vec<T>) -> Result<Vec<U>, Invalid> {
    rows.into_iter().map(U::try_from).collect()
}
