//! Conversions of rows to domain types.

use crate::batch::{Position, StoredRating};
use model::{
    Aggregate, Broken, Histogram, ProviderId, Rating, Record, RecordId, RecordType, Timestamp, UserId, Value,
};
use storage::Error;

/// Record type and id, the ten counts, weighted mean, revision.
pub(in crate::repository) type AggregateRow =
    (String, String, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, f64, i64);

/// Record type and id, user, value, provider, time.
pub(in crate::repository) type RatingRow = (String, String, String, i64, Option<String>, i64);

/// Index in the requested list; value, provider, time.
pub(in crate::repository) type StoredRow = (i64, i64, Option<String>, i64);

/// Partition, next offset, timestamp and digest of the last record, skipped offsets.
pub(in crate::repository) type PositionRow = (i32, i64, i64, i64, i64);

/// Converts a row to an aggregate.
pub(in crate::repository) fn aggregate(row: AggregateRow) -> Result<Aggregate, Error> {
    let (record_type, record_id, h1, h2, h3, h4, h5, h6, h7, h8, h9, h10, weighted_mean, revision) = row;
    let record = valid("aggregate", || record(&record_type, &record_id))?;
    // Constraints of the table: none is negative.
    let counts = [h1, h2, h3, h4, h5, h6, h7, h8, h9, h10].map(i64::cast_unsigned);
    Ok(Aggregate {
        record,
        histogram: Histogram::new(counts),
        weighted_mean,
        revision: revision.cast_unsigned(),
    })
}

/// Converts a row to a rating.
pub(in crate::repository) fn rating(row: RatingRow) -> Result<Rating, Error> {
    let (record_type, record_id, user_id, value, provider_id, rated_at) = row;
    valid("rating", || {
        Ok(Rating {
            record: record(&record_type, &record_id)?,
            user_id: UserId::new(user_id)?,
            value: Value::new(value)?,
            provider_id: provider_id.map(ProviderId::new).transpose()?,
            rated_at: Timestamp::from_millis(rated_at)?,
        })
    })
}

/// Converts a row to a stored rating, with the index of its pair.
pub(in crate::repository) fn stored(
    (place, value, provider_id, rated_at): StoredRow,
) -> Result<(usize, StoredRating), Error> {
    valid("rating", || {
        Ok(StoredRating {
            value: Value::new(value)?,
            provider_id: provider_id.map(ProviderId::new).transpose()?,
            rated_at: Timestamp::from_millis(rated_at)?,
        })
    })
    .map(|stored| (self::place(place), stored))
}

/// Converts a row to a partition's number and its position.
pub(in crate::repository) fn position(row: PositionRow) -> (i32, Position) {
    let (partition, next_offset, last_timestamp, last_digest, skipped) = row;
    (partition, Position { next_offset, skipped, last_timestamp, last_digest })
}

/// Converts an index that SQL counted.
pub(in crate::repository) fn place(number: i64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Converts a count to the number type of SQL.
pub(in crate::repository) fn number(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

fn record(record_type: &str, record_id: &str) -> Result<Record, Broken> {
    Ok(Record { record_type: RecordType::new(record_type)?, record_id: RecordId::new(record_id)? })
}

fn valid<T>(row: &str, make: impl FnOnce() -> Result<T, Broken>) -> Result<T, Error> {
    make().map_err(|broken| Error::row(row, broken))
}
