//! The cells of a table of figures.

use crate::measure::{Row, Section};

/// A unit of time: its name and its nanoseconds.
pub(super) type Unit = (&'static str, f64);

/// Returns the unit in which the times of a section are readable.
pub(super) fn unit(section: &Section) -> Unit {
    let slowest = section.rows.iter().map(|row| row.encode_ns.max(row.decode_ns)).fold(0.0, f64::max);
    if slowest < 100_000.0 { ("ns", 1.0) } else { ("µs", 1_000.0) }
}

/// Formats a time in a unit: whole from 10 on, otherwise with one decimal.
pub(super) fn time(nanoseconds: f64, (_, size): Unit) -> String {
    let value = nanoseconds / size;
    if value < 9.95 { format!("{value:.1}") } else { thousands(value.round() as u64) }
}

/// Formats a number with a comma before every third digit.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns the cells of a row: sizes, times, allocations.
pub(super) fn cells(row: &Row, unit: Unit) -> [String; 8] {
    [
        row.format.into(),
        thousands(row.size as u64),
        thousands(row.gzip as u64),
        thousands(row.zstd as u64),
        time(row.encode_ns, unit),
        time(row.decode_ns, unit),
        format!("{} / {}", thousands(row.encode_allocations), thousands(row.decode_allocations)),
        row.evolves.into(),
    ]
}

/// Returns the headings of the cells.
pub(super) fn headings((unit, _): Unit) -> [String; 8] {
    let plain = ["", "size", "gzip", "zstd"].map(String::from);
    let [format, size, gzip, zstd] = plain;
    let (encode, decode) = (format!("encode {unit}"), format!("decode {unit}"));
    [format, size, gzip, zstd, encode, decode, "allocations".into(), "evolves".into()]
}

/// Returns the lines about reading in place.
pub(super) fn in_place(section: &Section, unit: Unit) -> impl Iterator<Item = String> {
    section.rows.iter().filter_map(move |row| {
        let took = time(row.in_place_ns?, unit);
        Some(format!("{}, every field read in place: {took} {}", row.format, unit.0))
    })
}
