//! Records as files, for exchange with other programs: `RECORD.FORMAT`, each file one encoded record.

use crate::format::Format;
use crate::sample::Sample;
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

fn path(folder: &Path, sample: &Sample, format: Format) -> PathBuf {
    folder.join(format!("{}.{}", sample.name, format.about().extension))
}

/// Writes each sample in each format that supports it; returns the number of files.
pub fn write(folder: &Path, samples: &[Sample], formats: &[Format]) -> Result<usize> {
    fs::create_dir_all(folder).with_context(|| format!("can't create {}", folder.display()))?;
    let mut written = 0;
    for sample in samples {
        for format in formats {
            if let Some(subject) = sample.bind(*format)? {
                let path = path(folder, sample, *format);
                fs::write(&path, subject.bytes())
                    .with_context(|| format!("can't write {}", path.display()))?;
                written += 1;
            }
        }
    }
    Ok(written)
}

/// Reads the existing files and compares each with its sample; returns the number of files.
pub fn read(folder: &Path, samples: &[Sample], formats: &[Format]) -> Result<usize> {
    let mut compared = 0;
    for sample in samples {
        for format in formats {
            let path = path(folder, sample, *format);
            let bytes = match fs::read(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                read => read.with_context(|| format!("can't read {}", path.display()))?,
            };
            let subject = sample.bind(*format)?;
            let subject = subject
                .with_context(|| format!("{} is in a format that supports only lists", path.display()))?;
            subject.compare(&bytes).with_context(|| path.display().to_string())?;
            compared += 1;
        }
    }
    if compared == 0 {
        bail!("{} contains no record in any of the formats", folder.display());
    }
    Ok(compared)
}
