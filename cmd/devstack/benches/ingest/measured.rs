//! Measurements of a process, and of the service while it works off a backlog.

use crate::deployment::Deployment;
use libtest_mimic::Failed;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Clock ticks per second, as /proc counts them on Linux.
const TICKS: f64 = 100.0;

/// Rate and resources used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    /// Events per second.
    pub(crate) rate: f64,
    /// Microseconds of CPU time per event.
    pub(crate) cpu: f64,
    /// Peak resident memory.
    pub(crate) mib: f64,
}

/// Returns the median by rate.
pub(crate) fn median(rounds: &[Figure]) -> Figure {
    let mut rounds = rounds.to_vec();
    rounds.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    rounds[rounds.len() / 2]
}

/// A process according to /proc.
pub(crate) struct Process(String);

impl Process {
    pub(crate) fn own() -> Self {
        Self("/proc/self".to_owned())
    }

    pub(crate) fn of(id: u32) -> Self {
        Self(format!("/proc/{id}"))
    }

    /// Returns the seconds of CPU time so far.
    pub(crate) fn cpu(&self) -> Result<f64, Failed> {
        let stat = fs::read_to_string(format!("{}/stat", self.0))?;
        // The program's name may contain any character, but ends with the last parenthesis.
        let (_, rest) = stat.rsplit_once(')').ok_or("stat")?;
        let ticks: Result<Vec<f64>, _> = rest.split_whitespace().skip(11).take(2).map(str::parse).collect();
        Ok(ticks?.iter().sum::<f64>() / TICKS)
    }

    /// Returns the peak resident memory so far.
    pub(crate) fn most_mib(&self) -> Result<f64, Failed> {
        let status = fs::read_to_string(format!("{}/status", self.0))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("VmHWM")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
    }
}

/// Measures while the service works off `count` events of the topic, before which it has applied `before`.
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
