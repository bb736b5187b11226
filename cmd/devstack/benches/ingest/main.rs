//! How fast are events ingested from Kafka into the database, exactly once, compared with a consumer that only reads
//! them? How does that change as the database grows, how much memory does it take, and how soon is an event visible?
//!
//! `MARQUEE_TEST_KAFKA=own cargo bench -p devstack --bench ingest -- [--full] [--svg FILE]` starts a Kafka and a
//! PostgreSQL server of its own, prints the figures and exits with 1 if a line is missed. `--full` fills the database
//! with ten million ratings instead of one; FILE is a path relative to `cmd/devstack`, where cargo runs a bench. The
//! service is a separate process; the bench's own process only reads and sends.

#![expect(clippy::unwrap_used, reason = "a bench that can't go on ends")]
#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

mod bare;
mod chart;
#[path = "../../tests/crash/deployment.rs"]
#[expect(dead_code, reason = "a bench needs less of it than the crash tests")]
mod deployment;
#[path = "../../tests/crash/flow.rs"]
#[expect(dead_code, reason = "a bench needs less of it than the crash tests")]
mod flow;
mod load;
mod measured;
#[path = "../../tests/it/process.rs"]
#[expect(dead_code, reason = "a bench needs less of it than the tests")]
mod process;
#[path = "../../tests/crash/servers.rs"]
#[expect(dead_code, reason = "a bench needs less of it than the crash tests")]
mod servers;
mod visible;

use deployment::{Deployment, Kind};
use libtest_mimic::Failed;
use measured::{Figure, median};
use servers::{Servers, number};
use std::fs::File;
use std::io::Write;
use std::process::ExitCode;

const ROUNDS: usize = 3;
const MOST_MIB: f64 = 150.0;
const LEAST_OF_DECODE: f64 = 0.25;
const LEAST_OF_SMALL: f64 = 0.7;
const MOST_MILLIS: f64 = 100.0;

fn main() -> ExitCode {
    if let Some(reason) = servers::missing() {
        println!("{reason}");
        return ExitCode::FAILURE;
    }
    let arguments: Vec<String> = std::env::args().collect();
    let full = arguments.iter().any(|argument| argument == "--full");
    let svg = arguments.iter().position(|argument| argument == "--svg");
    let servers = Servers::default();
    let measured = run(&servers, full, svg.and_then(|at| arguments.get(at + 1)));
    servers.end();
    match measured {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("{error:?}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a line; returns whether it was met.
fn line(held: bool, text: &str) -> bool {
    println!("{text}: {}", if held { "met" } else { "MISSED" });
    held
}

fn run(servers: &Servers, full: bool, svg: Option<&String>) -> Result<bool, Failed> {
    // Before anything is measured, so that an invalid path fails early.
    let mut svg = svg.map(File::create).transpose()?;
    let events = number("MARQUEE_BENCH_EVENTS", 1_000_000);
    let topic = servers.topic()?;
    load::send(&servers.kafka(), &topic, load::popular(events))?;
    // Before there is a backlog, whose pending disk writes would be measured as well.
    let p99 = visible::percentile(servers)?;

    let mut figures = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        // Alternating, so that all of them are measured under the same conditions.
        figures[0].push(bare::read(&servers.kafka(), &topic, events, false)?);
        figures[1].push(bare::read(&servers.kafka(), &topic, events, true)?);
        for (figure, kind) in figures[2..].iter_mut().zip([Kind::Sqlite, Kind::Postgres]) {
            let deployment = Deployment::new(servers, kind, &topic, &[])?;
            figure.push(measured::backlog(&deployment, 0, events)?);
        }
    }
    let names =
        ["bare consumer", "with JSON decode", "exactly once into SQLite", "exactly once into PostgreSQL"];
    let figures = figures.map(|rounds| median(&rounds));
    let decode = figures[1].rate;
    println!("{events} events, medians of {ROUNDS} rounds");
    for (name, figure) in names.iter().zip(&figures) {
        let Figure { rate, cpu, mib } = figure;
        let ratio = rate / decode;
        println!(
            "{name:28} {rate:9.0} events/s  {ratio:.2} of decode  {cpu:5.2} µs CPU/event  {mib:4.0} MiB"
        );
    }
    let mut held = true;
    for (name, figure, least) in [("SQLite", figures[2], 120_000.0), ("PostgreSQL", figures[3], 140_000.0)] {
        let Figure { rate, mib, .. } = figure;
        held &= line(rate >= least, &format!("{name}: {rate:.0} events/s (at least {least})"));
        let ratio = rate / decode;
        held &= line(
            ratio >= LEAST_OF_DECODE,
            &format!("{name}: {ratio:.2} of decode (at least {LEAST_OF_DECODE})"),
        );
        held &= line(mib < MOST_MIB, &format!("{name}: {mib:.0} MiB resident (under {MOST_MIB})"));
    }
    if let Some(file) = &mut svg {
        let bars: Vec<_> = names.into_iter().zip(figures.map(|figure| figure.rate)).collect();
        file.write_all(chart::bars("Events a second from Kafka", &bars).as_bytes())?;
    }
    for kind in [Kind::Sqlite, Kind::Postgres] {
        held &= grow(servers, kind, if full { 10_000_000 } else { 1_000_000 })?;
    }
    held &= line(
        p99 <= MOST_MILLIS,
        &format!("visible at 1000 events/s: p99 {p99:.0} ms (at most {MOST_MILLIS})"),
    );
    Ok(held)
}

/// Compares the speed with few stored ratings to that with `many`.
fn grow(servers: &Servers, kind: Kind, many: u64) -> Result<bool, Failed> {
    const FEW: u64 = 100_000;
    let mut rates = Vec::new();
    for stored in [FEW, many] {
        let topic = servers.topic()?;
        let deployment = Deployment::new(servers, kind, &topic, &[])?;
        load::send(&servers.kafka(), &topic, load::distinct(stored))?;
        measured::backlog(&deployment, 0, stored)?;
        let changes = number("MARQUEE_BENCH_EVENTS", 1_000_000) / 2;
        load::send(&servers.kafka(), &topic, load::changes(stored, changes))?;
        rates.push(measured::backlog(&deployment, stored, changes)?.rate);
    }
    let ratio = rates[1] / rates[0];
    let text = format!(
        "{kind:?}: {:.0} events/s at {FEW} stored ratings, {:.0} at {many}: {ratio:.2} (at least {LEAST_OF_SMALL})",
        rates[0], rates[1]
    );
    Ok(line(ratio >= LEAST_OF_SMALL, &text))
}
