//! The report in each of its forms.

use super::cells::{thousands, time, unit};
use super::*;
use crate::measure::Row;

fn row(format: &'static str, size: usize, encode_ns: f64, in_place_ns: Option<f64>) -> Row {
    Row {
        record: "classic",
        format,
        library: "a-crate",
        size,
        gzip: 1_234,
        zstd: 99,
        encode_ns,
        decode_ns: 2.0 * encode_ns,
        in_place_ns,
        encode_allocations: 1,
        decode_allocations: 4_000,
        evolves: "by name",
    }
}

fn sections() -> Vec<Section> {
    let rows = vec![row("JSON", 106, 98.4, None), row("Cap'n Proto", 1_000_000, 4.25, Some(1.0))];
    vec![Section { about: "the classic record".into(), rows }]
}

#[test]
fn table_is_aligned_and_fits_100_columns() {
    let text = render(&sections(), Output::Table).unwrap();
    let expected = "\
the classic record
                    size   gzip  zstd  encode ns  decode ns  allocations  evolves
  JSON               106  1,234    99         98        197    1 / 4,000  by name
  Cap'n Proto  1,000,000  1,234    99        4.2        8.5    1 / 4,000  by name
  Cap'n Proto, every field read in place: 1.0 ns
";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn markdown_has_one_column_per_cell() {
    let text = render(&sections(), Output::Markdown).unwrap();
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), 4, "{text}");
    assert!(rows.iter().all(|row| row.matches('|').count() == 9), "{text}");
}

#[test]
fn json_and_csv_have_every_figure_unrounded() {
    let json: serde_json::Value = serde_json::from_str(&render(&sections(), Output::Json).unwrap()).unwrap();
    assert_eq!(json[0]["encodeNs"], 98.4);
    assert_eq!(json[0]["inPlaceNs"], serde_json::Value::Null);
    assert_eq!(json[1]["decodeAllocations"], 4_000);
    let csv = render(&sections(), Output::Csv).unwrap();
    let expected = "record,format,library,size,gzip,zstd,encodeNs,decodeNs,inPlaceNs,encodeAllocations,\
         decodeAllocations,evolves\nclassic,JSON,a-crate,106,1234,99,98.4,196.8,,1,4000,by name\n";
    assert!(csv.starts_with(expected), "{csv}");
}

#[test]
fn slow_records_are_printed_in_microseconds() {
    let slow = Section { about: String::new(), rows: vec![row("XML", 1, 123_456.0, None)] };
    assert_eq!(unit(&slow).0, "µs");
    assert_eq!(time(123_456.0, unit(&slow)), "123");
    assert_eq!(thousands(1_234_567), "1,234,567");
}
