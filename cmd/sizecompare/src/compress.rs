//! Sizes after gzip and zstd, each at its default level.

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// The default level of `gzip`.
const GZIP_LEVEL: u32 = 6;
/// The default level of `zstd`.
const ZSTD_LEVEL: i32 = 3;

/// Returns the size of `bytes` after gzip, header included.
pub fn gzip(bytes: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL));
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}

/// Returns the size of `bytes` after zstd, header included.
pub fn zstd(bytes: &[u8]) -> Result<usize> {
    Ok(zstd::bulk::compress(bytes, ZSTD_LEVEL)?.len())
}
