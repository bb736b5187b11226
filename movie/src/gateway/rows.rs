//! Matches the rows of a response with the request: by id, in any order.

use super::Unexpected;
use model::page::Request;
use model::{Aggregate, Metadata, RecordId, RecordType};
use std::collections::{HashMap, HashSet};

#[cfg(test)]
mod tests;

/// A row of a response.
pub(crate) trait Row {
    /// The id of its record, which must be of type `record_type`.
    fn id(&self, record_type: &RecordType) -> Result<&RecordId, Unexpected>;
}

impl Row for Metadata {
    /// Metadata has no record type: it is always about movies.
    fn id(&self, _: &RecordType) -> Result<&RecordId, Unexpected> {
        Ok(&self.id)
    }
}

impl Row for Aggregate {
    fn id(&self, record_type: &RecordType) -> Result<&RecordId, Unexpected> {
        if self.record.record_type == *record_type {
            Ok(&self.record.record_id)
        } else {
            Err(Unexpected::OtherType)
        }
    }
}

/// Checks the row of a response about `id` alone.
pub(crate) fn single<T: Row>(
    record_type: &RecordType,
    id: &RecordId,
    row: Option<T>,
) -> Result<Option<T>, Unexpected> {
    if let Some(row) = &row
        && row.id(record_type)? != id
    {
        return Err(Unexpected::NotRequested);
    }
    Ok(row)
}

/// Returns the only row, if there is any.
pub(crate) fn at_most_one<R>(mut rows: Vec<R>) -> Result<Option<R>, Unexpected> {
    let row = rows.pop();
    if rows.is_empty() { Ok(row) } else { Err(Unexpected::TooMany) }
}

/// Sorts the rows of a response about `ids`, which are all different, in their order. Rows may be missing.
pub(crate) fn in_order<T: Row>(
    record_type: &RecordType,
    ids: &[RecordId],
    rows: Vec<T>,
) -> Result<Vec<T>, Unexpected> {
    let mut rest = ids.iter();
    if rows.iter().all(|row| row.id(record_type).is_ok_and(|id| rest.any(|requested| requested == id))) {
        return Ok(rows);
    }
    let mut positions: HashMap<&RecordId, Option<usize>> = ids.iter().zip((0..).map(Some)).collect();
    let position = |row: T| {
        let position = positions.get_mut(row.id(record_type)?).ok_or(Unexpected::NotRequested)?;
        Ok((position.take().ok_or(Unexpected::Repeated)?, row))
    };
    let mut sorted = rows.into_iter().map(position).collect::<Result<Vec<_>, Unexpected>>()?;
    sorted.sort_unstable_by_key(|(position, _)| *position);
    Ok(sorted.into_iter().map(|(_, row)| row).collect())
}

/// Checks the rows of a page, whose ids are not known in advance, and returns the ids.
pub(crate) fn page<T: Row>(
    record_type: &RecordType,
    page: &Request,
    rows: &[T],
) -> Result<Vec<RecordId>, Unexpected> {
    if rows.len() > page.size.get() {
        return Err(Unexpected::TooMany);
    }
    let ids = rows.iter().map(|row| row.id(record_type)).collect::<Result<Vec<_>, _>>()?;
    let mut seen = HashSet::with_capacity(ids.len());
    if !ids.iter().all(|id| seen.insert(*id)) {
        return Err(Unexpected::Repeated);
    }
    Ok(ids.into_iter().cloned().collect())
}
