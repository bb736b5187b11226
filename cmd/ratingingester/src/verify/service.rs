//! A client for batches of aggregates of the rating service.

use api::json::AggregateList;
use bytes::Bytes;
use http::{StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use model::MAX_BATCH;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::error::Error;
use std::time::Duration;
use tokio::time::timeout;

/// The maximum length of the ids in a batch: the service accepts request lines up to 64 KiB.
const MAX_LENGTH: usize = 60 * 1024;

/// The maximum response size: five hundred aggregates are about 200 KiB.
const MAX_ANSWER: usize = 16 << 20;
const ANSWER: Duration = Duration::from_secs(10);

/// The service at one address.
pub(super) struct Service {
    address: String,
    client: Client<HttpConnector, Empty<Bytes>>,
}

impl Service {
    pub(super) fn new(address: &Uri) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { address: address.to_string().trim_end_matches('/').to_owned(), client }
    }

    /// Returns the aggregates of records of one type; those without ratings are missing.
    pub(super) async fn aggregates(&self, record_type: &str, ids: &str) -> Result<AggregateList, String> {
        let url = format!("{}/v1/ratings/{record_type}?ids={ids}", self.address);
        let url: Uri = url.parse().map_err(|e| format!("{url}: {e}"))?;
        let asked = timeout(ANSWER, self.fetch(url)).await;
        let failed = |reason: &dyn std::fmt::Display| format!("{} {reason}", self.address);
        let (status, body) = asked
            .map_err(|_| failed(&format_args!("did not respond within {ANSWER:?}")))?
            .map_err(|e| failed(&format_args!("can't be reached: {}", root(&*e))))?;
        if status != StatusCode::OK {
            return Err(failed(&format_args!("returned status {status}")));
        }
        jsontext::from_slice(&body).map_err(|e| failed(&format_args!("returned an invalid list: {e}")))
    }

    async fn fetch(&self, url: Uri) -> Result<(StatusCode, Bytes), Box<dyn Error + Send + Sync>> {
        let answer = self.client.get(url).await?;
        let status = answer.status();
        Ok((status, Limited::new(answer.into_body(), MAX_ANSWER).collect().await?.to_bytes()))
    }
}

/// Records of one type, requested together.
pub(super) struct Batch<'s, 'a> {
    pub(super) records: &'s [(&'a str, &'a str)],
    /// Their ids, encoded for the query.
    pub(super) ids: String,
}

/// Splits `records`, which are grouped by type, into batches.
pub(super) fn batches<'s, 'a>(mut records: &'s [(&'a str, &'a str)]) -> impl Iterator<Item = Batch<'s, 'a>> {
    std::iter::from_fn(move || {
        let (record_type, _) = records.first()?;
        let mut ids = String::new();
        let mut count = 0;
        for (_, id) in records.iter().take_while(|record| record.0 == *record_type).take(MAX_BATCH) {
            let id = utf8_percent_encode(id, NON_ALPHANUMERIC);
            let length = ids.len();
            ids.extend((count > 0).then_some(",").into_iter().chain(id));
            if ids.len() > MAX_LENGTH {
                ids.truncate(length);
                break;
            }
            count += 1;
        }
        let (batch, rest) = records.split_at(count);
        records = rest;
        Some(Batch { records: batch, ids })
    })
}

fn root<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_has_one_type_and_bounded_size() {
        let long = "é".repeat(64);
        let mut records = vec![("book", "a,b"), ("movie", "1")];
        records.extend(std::iter::repeat_n(("movie", "2"), 600));
        records.extend(std::iter::repeat_n(("tv", &*long), 300));
        let found: Vec<_> = batches(&records).map(|batch| (batch.records.to_vec(), batch.ids)).collect();
        assert_eq!(found[0], (vec![("book", "a,b")], "a%2Cb".to_owned()));
        assert_eq!(found[1].0.len(), MAX_BATCH);
        assert_eq!(found[2].0.len(), 101);
        assert!(found[1].1.starts_with("1,2,2,"));
        assert!(found.iter().all(|(_, ids)| ids.len() <= MAX_LENGTH));
        let all: Vec<_> = found.into_iter().flat_map(|(records, _)| records).collect();
        assert_eq!(all, records);
    }
}
