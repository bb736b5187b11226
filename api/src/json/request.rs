//! Query parameters shared by several REST routes.

use crate::check;
use fault::Invalid;
use model::{MinCount, RecordId, page};

/// Returns the page that `pageSize` and `pageToken` request. An empty token is invalid, as no list returns it; in a call
/// to another service over gRPC, it would mean the first page.
pub fn page(size: Option<i64>, token: Option<String>) -> Result<page::Request, Invalid> {
    let size = size.map(page::Size::new).transpose().map_err(|broken| broken.at("page_size"))?;
    if token.as_deref() == Some("") {
        return Err(Invalid::field("page_token", "must not be empty"));
    }
    Ok(page::Request { size: size.unwrap_or_default(), token })
}

/// Checks the ids of a batch, at most 500. Of duplicates, the first is kept.
pub fn ids(ids: Vec<String>) -> Result<Vec<RecordId>, Invalid> {
    check::ids("ids", ids)
}

/// Returns the checked `minCount`, or its default.
pub fn min_count(count: Option<i64>) -> Result<MinCount, Invalid> {
    let count = count.map(MinCount::new).transpose().map_err(|broken| broken.at("min_count"))?;
    Ok(count.unwrap_or_default())
}
