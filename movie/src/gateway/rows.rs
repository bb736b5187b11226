//! Matches the rows of a response with the request: by id, in any order.

use super::Unexpected;
use cache::Shared;
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
    /// Metadata has no type: it is about movies.
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

/// Returns the row of a response about `id` alone.
pub(crate) fn single<T: Row>(
    record_type: &RecordType,
    id: &RecordId,
    row: Option<Shared<T>>,
) -> Result<Option<Shared<T>>, Unexpected> {
    if let Some(row) = &row
        && row.id(record_type)? != id
    {
        return Err(Unexpected::Unasked);
    }
    Ok(row)
}

/// Returns the only row, if there is any.
pub(crate) fn at_most_one<R>(mut rows: Vec<R>) -> Result<Option<R>, Unexpected> {
    let row = rows.pop();
    if rows.is_empty() { Ok(row) } else { Err(Unexpected::TooMany) }
}

/// Puts the rows of a response about `ids`, none of which comes twice, in their order. Rows may be missing.
pub(crate) fn in_order<T: Row>(
    record_type: &RecordType,
    ids: &[RecordId],
    rows: Vec<Shared<T>>,
) -> Result<Vec<Shared<T>>, Unexpected> {
    let mut rest = ids.iter();
    if rows.iter().all(|row| row.id(record_type).is_ok_and(|id| rest.any(|asked| asked == id))) {
        return Ok(rows);
    }
    let mut places: HashMap<&RecordId, Option<usize>> = ids.iter().zip((0..).map(Some)).collect();
    let place = |row: Shared<T>| {
        let place = places.get_mut(row.id(record_type)?).ok_or(Unexpected::Unasked)?;
        Ok((place.take().ok_or(Unexpected::Repeated)?, row))
    };
    let mut placed = rows.into_iter().map(place).collect::<Result<Vec<_>, Unexpected>>()?;
    placed.sort_unstable_by_key(|(place, _)| *place);
    Ok(placed.into_iter().map(|(_, row)| row).collect())
}

/// Checks the rows of a page, whose ids were not known; returns the ids.
pub(crate) fn page<T: Row>(
    record_type: &RecordType,
    page: &Request,
    rows: &[Shared<T>],
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
