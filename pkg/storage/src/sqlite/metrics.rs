//! The metrics of a database file and of the disk under it.

use meter::Sampler;
use std::fmt;
use std::fs;
use std::path::Path;

/// Encodes the sizes of the file `path` and its log, and of the file system. What cannot be read is omitted.
pub(super) fn sample(path: &Path, to: &mut Sampler<'_>) -> fmt::Result {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let size = |path: &Path| fs::metadata(path).ok().map(|file| file.len());
    let files = [("database", size(path)), ("wal", size(log.as_ref()))];
    let rows = files.into_iter().filter_map(|(file, bytes)| Some(([("file", file)], bytes?)));
    to.gauges("db_file_bytes", "Size of the database file and of its write-ahead log", rows)?;
    let Ok(disk) = rustix::fs::statvfs(path) else { return Ok(()) };
    let help = "Free space on the file system of the database file";
    to.gauge("disk_free_bytes", help, disk.f_bavail * disk.f_frsize)?;
    to.gauge("disk_size_bytes", "Size of the file system of the database file", disk.f_blocks * disk.f_frsize)
}
