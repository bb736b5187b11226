//! Prints the size of records in each format, and the time to write and read them.

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap::error::ErrorKind;
use sizecompare::config::{Config, RecordName};
use sizecompare::sample::{self, Sample};
use sizecompare::{exchange, measure, plot, report};
use std::fs;
use std::io::Write;

fn main() -> Result<()> {
    let config = flags::parse::<Config>(std::env::args_os());
    let samples = samples(&config).unwrap_or_else(|reason| {
        Config::command().error(ErrorKind::ValueValidation, reason).exit();
    });
    let text = run(&config, &samples)?;
    // A reader that closes the pipe, such as `head`, is not an error.
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(())
}

/// Returns the selected records, or why an argument is invalid.
fn samples(config: &Config) -> Result<Vec<Sample>, String> {
    let mut samples = sample::built_in();
    match &config.movielens {
        Some(folder) => samples.push(sample::real(folder).map_err(|error| error.to_string())?),
        None if config.record.contains(&RecordName::Real) => {
            return Err("--record real needs --movielens DIR".into());
        }
        None => {}
    }
    samples.retain(|sample| config.wants(sample.name));
    Ok(samples)
}

/// Runs the command and returns the output.
fn run(config: &Config, samples: &[Sample]) -> Result<String> {
    let formats = config.formats();
    if let Some(folder) = &config.write {
        let written = exchange::write(folder, samples, &formats)?;
        return Ok(format!("{written} files written\n"));
    }
    if let Some(folder) = &config.read {
        let compared = exchange::read(folder, samples, &formats)?;
        return Ok(format!("{compared} files compared\n"));
    }
    let measured = samples.iter().map(|sample| measure::measure(sample, &formats, config.rounds.into()));
    let sections: Vec<_> = measured.collect::<Result<_>>()?;
    if let Some(path) = &config.plot {
        let picture = plot::draw(&sections)?;
        fs::write(path, picture).with_context(|| format!("can't write {}", path.display()))?;
    }
    report::render(&sections, config.format)
}
