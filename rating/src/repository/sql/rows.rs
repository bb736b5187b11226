//! Stored rows, turned into nouns.

use crate::batch::{Held, Position};
use model::{
    Aggregate, Broken, Histogram, ProviderId, Rating, Record, RecordId, RecordType, Timestamp, UserId, Value,
};
use storage::Error;

/// Record type and id, the ten counts, weighted mean, revision.
pub(in crate::repository) type AggregateRow =
    (String, String, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, f64, i64);

/// Record type and id, user, value, provider, time.
pub(in crate::repository) type RatingRow = (String, String, String, i64, Option<String>, i64);

/// Place in the list that was asked for, counted from 0; value, provider, time.
pub(in crate::repository) type HeldRow = (i64, i64, Option<String>, i64);

/// Partition, next offset, timestamp and digest of the record before it.
pub(in crate::repository) type PositionRow = (i32, i64, i64, i64, i64);

/// Turns a row into an aggregate.
pub(in crate::repository) fn aggregate(row: AggregateRow) -> Result<Aggregate, Error> {
    let (record_type, record_id, h1, h2, h3, h4, h5, h6, h7, h8, h9, h10, weighted_mean, revision) = row;
    let record = named("aggregate", || record(&record_type, &record_id))?;
    // The table lets none of them be negative.
    let counts = [h1, h2, h3, h4, h5, h6, h7, h8, h9, h10].map(i64::cast_unsigned);
    Ok(Aggregate {
        record,
        histogram: Histogram::new(counts),
        weighted_mean,
        revision: revision.cast_unsigned(),
    })
}

/// Turns a row into a rating.
pub(in crate::repository) fn rating(row: RatingRow) -> Result<Rating, Error> {
    let (record_type, record_id, user_id, value, provider_id, rated_at) = row;
    named("rating", || {
        Ok(Rating {
            record: record(&record_type, &record_id)?,
            user_id: UserId::new(user_id)?,
            value: Value::new(value)?,
            provider_id: provider_id.map(ProviderId::new).transpose()?,
            rated_at: Timestamp::from_millis(rated_at)?,
        })
    })
}

/// Turns a row into what is stored under a pair, with the pair's place.
pub(in crate::repository) fn held(
    (place, value, provider_id, rated_at): HeldRow,
) -> Result<(usize, Held), Error> {
    named("rating", || {
        Ok(Held {
            value: Value::new(value)?,
            provider_id: provider_id.map(ProviderId::new).transpose()?,
            rated_at: Timestamp::from_millis(rated_at)?,
        })
    })
    .map(|held| (self::place(place), held))
}

/// Turns a row into a partition's number and its position.
pub(in crate::repository) fn position(row: PositionRow) -> (i32, Position) {
    let (partition, next_offset, last_timestamp, last_digest, skipped) = row;
    (partition, Position { next_offset, skipped, last_timestamp, last_digest })
}

/// A place in a list, which SQL counted.
pub(in crate::repository) fn place(number: i64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A count as SQL knows numbers.
pub(in crate::repository) fn number(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

fn record(record_type: &str, record_id: &str) -> Result<Record, Broken> {
    Ok(Record { record_type: RecordType::new(record_type)?, record_id: RecordId::new(record_id)? })
}

fn named<T>(row: &str, make: impl FnOnce() -> Result<T, Broken>) -> Result<T, Error> {
    make().map_err(|broken| Error::row(row, broken))
}
