//! Sizes, times and allocations of samples in formats.
//!
//! A time is the median of several rounds, each long enough for the clock. Formats are measured alternately, so
//! that noise affects all of them.

use crate::format::Format;
use crate::sample::Sample;
use crate::subject::Subject;
use crate::{allocations, compress};
use anyhow::Result;
use serde::Serialize;
use std::time::Duration;

/// The minimum length of a round, unless one repetition takes longer.
const ROUND: Duration = Duration::from_millis(2);

/// The figures of a record in a format.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The record's name.
    pub record: &'static str,
    /// The format's name.
    pub format: &'static str,
    /// The crate that writes and reads it.
    pub library: &'static str,
    /// Encoded size in bytes.
    pub size: usize,
    /// Size after gzip in bytes.
    pub gzip: usize,
    /// Size after zstd in bytes.
    pub zstd: usize,
    /// Nanoseconds to encode it into a new buffer.
    pub encode_ns: f64,
    /// Nanoseconds to decode it into owned values.
    pub decode_ns: f64,
    /// Nanoseconds to read every field in place without owning it; `None` if the format can't.
    pub in_place_ns: Option<f64>,
    /// Allocations while encoding.
    pub encode_allocations: u64,
    /// Allocations while decoding.
    pub decode_allocations: u64,
    /// What matches the fields of different schema versions; `no` if nothing does.
    pub evolves: &'static str,
}

/// The figures of one record in all formats.
#[derive(Clone, Debug)]
pub struct Section {
    /// The record's description.
    pub about: String,
    /// One row per format.
    pub rows: Vec<Row>,
}

/// An action to time.
type Action = fn(&dyn Subject, u64) -> Option<Duration>;

const ACTIONS: [Action; 3] = [
    |subject, times| Some(subject.encode(times)),
    |subject, times| Some(subject.decode(times)),
    |subject, times| subject.visit(times),
];

/// Measures `sample` in each of `formats` that supports it, in `rounds` rounds.
pub fn measure(sample: &Sample, formats: &[Format], rounds: usize) -> Result<Section> {
    let mut bound = Vec::new();
    for format in formats {
        if let Some(subject) = sample.bind(*format)? {
            bound.push((format.about(), subject));
        }
    }
    let subjects: Vec<_> = bound.iter().map(|(_, subject)| &**subject).collect();
    let [encode, decode, in_place] = ACTIONS.map(|action| times(&subjects, action, rounds));
    let timed = bound.iter().zip(encode).zip(decode).zip(in_place);
    let rows = timed.map(|((((about, subject), encode), decode), in_place)| {
        Ok(Row {
            record: sample.name,
            format: about.name,
            library: about.library,
            size: subject.bytes().len(),
            gzip: compress::gzip(subject.bytes())?,
            zstd: compress::zstd(subject.bytes())?,
            encode_ns: encode.unwrap_or_default(),
            decode_ns: decode.unwrap_or_default(),
            in_place_ns: in_place,
            encode_allocations: allocations::during(|| _ = subject.encode(1)),
            decode_allocations: allocations::during(|| _ = subject.decode(1)),
            evolves: about.evolves,
        })
    });
    Ok(Section { about: sample.about.clone(), rows: rows.collect::<Result<_>>()? })
}

/// Returns the median nanoseconds of `action` for each subject, `None` if it is not supported.
fn times(subjects: &[&dyn Subject], action: Action, rounds: usize) -> Vec<Option<f64>> {
    let counts: Vec<_> = subjects.iter().map(|subject| enough(*subject, action)).collect();
    let mut measured = vec![Vec::new(); subjects.len()];
    for _ in 0..rounds {
        for ((subject, count), measured) in subjects.iter().zip(&counts).zip(&mut measured) {
            if let Some(took) = count.and_then(|count| action(*subject, count)) {
                measured.push(took);
            }
        }
    }
    let per_time = |(count, measured): (Option<u64>, Vec<Duration>)| Some((count?, median(measured)?));
    let nanoseconds = |(count, median): (u64, Duration)| median.as_secs_f64() * 1e9 / count as f64;
    counts.into_iter().zip(measured).map(|row| per_time(row).map(nanoseconds)).collect()
}

/// Returns the repetitions of `action` per round; `None` if it is not supported.
fn enough(subject: &dyn Subject, action: Action) -> Option<u64> {
    let mut count = 1;
    while action(subject, count)? < ROUND {
        count *= 2;
    }
    Some(count)
}

fn median(mut durations: Vec<Duration>) -> Option<Duration> {
    durations.sort_unstable();
    durations.get(durations.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn median_is_middle_value() {
        let all = [9, 1, 5].map(Duration::from_secs).to_vec();
        assert_eq!(median(all), Some(Duration::from_secs(5)));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn every_figure_of_a_row_is_measured() {
        let classic = &sample::built_in()[0];
        let section = measure(classic, &[Format::Json, Format::Capnp], 1).unwrap();
        let [json, capnp] = &section.rows[..] else { panic!("{section:?}") };
        assert_eq!((json.record, json.format, json.size), ("classic", "JSON", 106));
        assert!(json.encode_ns > 0.0 && json.decode_ns > 0.0, "{json:?}");
        assert!(json.encode_allocations >= 1, "{json:?}");
        assert_eq!(json.decode_allocations, 4, "a text each: {json:?}");
        assert_eq!(json.in_place_ns, None);
        assert!(capnp.in_place_ns.is_some_and(|time| time > 0.0), "{capnp:?}");
    }
}
