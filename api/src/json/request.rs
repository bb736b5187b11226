//! What REST requests ask for in their query parameters.

use crate::check;
use fault::Invalid;
use model::{MinCount, RecordId, page};

/// What a list's `pageSize` and `pageToken` ask for.
pub fn page(size: Option<i64>, token: Option<String>) -> Result<page::Request, Invalid> {
    let size = size.map(page::Size::new).transpose().map_err(|broken| broken.at("page_size"))?;
    Ok(page::Request { size: size.unwrap_or_default(), token })
}

/// The ids of a batch, at most 500. Each is kept once, where it stands first.
pub fn ids(ids: Vec<String>) -> Result<Vec<RecordId>, Invalid> {
    check::ids("ids", ids)
}

/// The smallest count that `minCount` asks for.
pub fn min_count(count: Option<i64>) -> Result<MinCount, Invalid> {
    let count = count.map(MinCount::new).transpose().map_err(|broken| broken.at("min_count"))?;
    Ok(count.unwrap_or_default())
}
