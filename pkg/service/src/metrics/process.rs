//! Metrics of the process: its version and, on Linux, what the kernel knows about it. Services in one process report
//! the same.

use meter::Sampler;
use std::fmt;

/// Encodes the metrics of the process.
pub(super) fn sample(to: &mut Sampler<'_>) -> fmt::Result {
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    to.gauges("build_info", "The version of the program, as a label", [(version, 1_u64)])?;
    kernel(to)
}

#[cfg(target_os = "linux")]
fn kernel(to: &mut Sampler<'_>) -> fmt::Result {
    use procfs::WithCurrentSystemInfo as _;
    use procfs::process::{LimitValue, Process};

    // Whatever cannot be read is omitted.
    let Ok(process) = Process::myself() else { return Ok(()) };
    if let Ok(stat) = process.stat() {
        let ticks = procfs::ticks_per_second() as f64;
        to.counter("process_cpu_seconds", "User and system time", (stat.utime + stat.stime) as f64 / ticks)?;
        to.gauge("process_resident_memory_bytes", "Resident memory", stat.rss_bytes().get())?;
        to.gauge("process_virtual_memory_bytes", "Virtual memory", stat.vsize)?;
        to.gauge("process_threads", "Threads", stat.num_threads)?;
        if let Ok(boot) = procfs::boot_time_secs() {
            let start = boot as f64 + stat.starttime as f64 / ticks;
            to.gauge("process_start_time_seconds", "Start of the process, since 1970", start)?;
        }
    }
    if let Ok(open) = process.fd_count() {
        to.gauge("process_open_fds", "Open file descriptors", open)?;
    }
    if let Ok(limits) = process.limits()
        && let LimitValue::Value(limit) = limits.max_open_files.soft_limit
    {
        to.gauge("process_max_fds", "The limit of open file descriptors", limit)?;
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn kernel(_: &mut Sampler<'_>) -> fmt::Result {
    Ok(())
}
