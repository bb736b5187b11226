//! What is left of bytes after gzip and zstd, each at its usual level.

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// What `gzip` takes unless it is told otherwise.
const GZIP_LEVEL: u32 = 6;
/// What `zstd` takes unless it is told otherwise.
const ZSTD_LEVEL: i32 = 3;

/// How many bytes `bytes` take after gzip, its header counted.
pub fn gzip(bytes: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL));
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}

/// How many bytes `bytes` take after zstd, its header counted.
pub fn zstd(bytes: &[u8]) -> Result<usize> {
    Ok(zstd::bulk::compress(bytes, ZSTD_LEVEL)?.len())
}
