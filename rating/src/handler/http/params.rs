//! Checked values of path and query parameters.

use fault::Invalid;
use model::{Record, RecordId, RecordType, UserId};

/// Checks the parameter `type`.
pub(super) fn record_type(text: String) -> Result<RecordType, Invalid> {
    RecordType::new(text).map_err(|broken| broken.at("type"))
}

/// Checks the parameters `type` and `id`.
pub(super) fn record(of_type: String, id: String) -> Result<Record, Invalid> {
    let record_id = RecordId::new(id).map_err(|broken| broken.at("id"));
    Ok(Record { record_type: record_type(of_type)?, record_id: record_id? })
}

/// Checks a user's id, given as the parameter `field`.
pub(super) fn user(text: String, field: &str) -> Result<UserId, Invalid> {
    UserId::new(text).map_err(|broken| broken.at(field))
}
