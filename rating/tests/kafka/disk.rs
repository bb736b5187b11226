//! A database whose disk is full: a file system of its own for the test, which only a privileged user can mount.

use crate::broker::Broker;
use crate::puts;
use crate::service::{Service, wait_for};
use rating::repository::sqlite;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use storage::sqlite::Synchronous;
use storage::testing::File;

/// A file system of 64 MiB in memory, until it is dropped.
pub(crate) struct Disk {
    file: File,
}

impl Disk {
    /// Mounts it; says why it can't.
    pub(crate) fn mount() -> Result<Self, String> {
        let disk = Self { file: File::new().map_err(|error| error.to_string())? };
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64m", "none"]).arg(disk.folder());
        match mount.output() {
            Ok(mounted) if mounted.status.success() => Ok(disk),
            Ok(mounted) => Err(format!("no mount: {}", String::from_utf8_lossy(&mounted.stderr).trim())),
            Err(error) => Err(format!("no mount: {error}")),
        }
    }

    fn folder(&self) -> PathBuf {
        self.file.path().parent().unwrap().to_owned()
    }

    /// Fills what is left of it with a file.
    fn fill(&self) -> PathBuf {
        let path = self.folder().join("filler");
        let mut filler = fs::File::create(&path).unwrap();
        loop {
            match filler.write_all(&[0; 4096]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return path,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Where it was not mounted there is nothing to do.
        let _ = Command::new("umount").arg("--lazy").arg(self.folder()).output();
    }
}

pub(crate) async fn a_full_disk_is_waited_out(disk: Disk) {
    let broker = Broker::start(1).await;
    let repository = sqlite::Repository::open(&disk.file.path(), Synchronous::Full).await.unwrap();
    let repository = Arc::new(repository);
    let service = Service::start(&broker, repository.clone());
    broker.produce(&puts(0..10));
    wait_for("the first events", || async { service.events("created") == 10 }).await;
    let filler = disk.fill();
    broker.produce(&puts(10..3000));
    wait_for("the disk to be full", || async {
        service.ready().is_err_and(|trouble| trouble.contains("disk is full: free space on it"))
    })
    .await;
    fs::remove_file(filler).unwrap();
    wait_for("the later events", || async { service.events("created") == 3000 && service.is_ready() }).await;
    assert_eq!(service.events("unchanged"), 0);
    service.stop().await;
    rating::repository::Repository::close(&*repository).await;
}
