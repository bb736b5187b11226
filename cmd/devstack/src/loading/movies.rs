//! Stores movies through the metadata service, in batches.

use anyhow::Context;
use api::metadata::v1::BatchPutMetadataRequest;
use api::metadata::v1::metadata_service_client::MetadataServiceClient;
use model::{MAX_BATCH, Metadata};
use tonic::transport::Channel;

/// Stores all of `movies`, calling `stored` after each batch with its size; returns the total.
pub(crate) async fn store<E: std::error::Error + Send + Sync + 'static>(
    client: &mut MetadataServiceClient<Channel>,
    movies: impl Iterator<Item = Result<Metadata, E>>,
    stored: impl Fn(u64),
) -> anyhow::Result<u64> {
    let mut movies = movies.fuse();
    let mut count = 0;
    loop {
        let batch = movies.by_ref().take(MAX_BATCH);
        let metadata =
            batch.map(|movie| movie.map(|movie| (&movie).into())).collect::<Result<Vec<_>, E>>()?;
        if metadata.is_empty() {
            return Ok(count);
        }
        let size = metadata.len() as u64;
        let request = BatchPutMetadataRequest { metadata };
        client
            .batch_put_metadata(request)
            .await
            .context("the metadata service rejected a batch of movies")?;
        stored(size);
        count += size;
    }
}
