//! What is measured of a process, and of the service while it works off a backlog.

use crate::deployment::Deployment;
use libtest_mimic::Failed;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Ticks of the kernel's clock a second, as /proc counts them on Linux.
const TICKS: f64 = 100.0;

/// How fast, and with how much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    /// Events a second.
    pub(crate) rate: f64,
    /// Microseconds of processor time an event.
    pub(crate) cpu: f64,
    /// The most memory that was resident.
    pub(crate) mib: f64,
}

/// The figure in the middle by rate.
pub(crate) fn median(rounds: &[Figure]) -> Figure {
    let mut rounds = rounds.to_vec();
    rounds.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    rounds[rounds.len() / 2]
}

/// A process as /proc shows it.
pub(crate) struct Process(String);

impl Process {
    pub(crate) fn own() -> Self {
        Self("/proc/self".to_owned())
    }

    pub(crate) fn of(id: u32) -> Self {
        Self(format!("/proc/{id}"))
    }

    /// Seconds of processor time until now.
    pub(crate) fn cpu(&self) -> Result<f64, Failed> {
        let stat = fs::read_to_string(format!("{}/stat", self.0))?;
        // The program's name may hold anything but ends with the last parenthesis.
        let (_, rest) = stat.rsplit_once(')').ok_or("stat")?;
        let ticks: Result<Vec<f64>, _> = rest.split_whitespace().skip(11).take(2).map(str::parse).collect();
        Ok(ticks?.iter().sum::<f64>() / TICKS)
    }

    /// The most memory that was resident until now.
    pub(crate) fn most_mib(&self) -> Result<f64, Failed> {
        let status = fs::read_to_string(format!("{}/status", self.0))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("VmHWM")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
    }
}

/// Lets the service work off `count` events of the topic, before which it has applied `before`.
pub(crate) fn backlog(deployment: &Deployment, before: u64, count: u64) -> Result<Figure, Failed> {
    let instance = deployment.start("one")?;
    let process = Process::of(instance.id());
    let applied = || instance.metric("ingest_stored_offset").0.saturating_sub(before);
    let until = |least: u64| {
        let deadline = Instant::now() + Duration::from_secs(1_800);
        loop {
            let now = applied();
            if now >= least {
                return Ok::<u64, Failed>(now);
            }
            if Instant::now() > deadline {
                return Err(format!("{now} of {least} events were applied").into());
            }
            sleep(Duration::from_millis(5));
        }
    };
    let first = until(1)?;
    let (start, cpu) = (Instant::now(), process.cpu()?);
    until(count)?;
    let measured = count.saturating_sub(first).max(1) as f64;
    Ok(Figure {
        rate: measured / start.elapsed().as_secs_f64(),
        cpu: (process.cpu()? - cpu) * 1e6 / measured,
        mib: process.most_mib()?,
    })
}
