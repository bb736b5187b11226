//! Aligned tables for a terminal of 100 columns.

use super::cells::{cells, headings, in_place, unit};
use crate::measure::Section;

const LEGEND: &str = "\
Sizes in bytes; gzip at level 6, zstd at level 3. Times are medians: each encoding allocates a
new buffer, each decoding owned values. Allocations: while encoding / while decoding.
Evolves: whether readers of another schema version work, and what matches the fields.
YAML by serde-saphyr, because serde_yaml is unmaintained; CBOR by ciborium, the successor of
serde_cbor; postcard instead of bincode, which is discontinued.
";

pub(super) fn render(sections: &[Section]) -> String {
    let mut text = String::new();
    for section in sections {
        text += &format!("{}\n", section.about);
        let unit = unit(section);
        let mut lines = vec![headings(unit)];
        lines.extend(section.rows.iter().map(|row| cells(row, unit)));
        let widths: [usize; 8] = std::array::from_fn(|column| {
            lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0)
        });
        for [first, middle @ .., last] in lines {
            text += &format!("  {first:width$}", width = widths[0]);
            for (cell, width) in middle.iter().zip(&widths[1..]) {
                text += &format!("  {cell:>width$}");
            }
            text += &format!("  {last}\n");
        }
        for line in in_place(section, unit) {
            text += &format!("  {line}\n");
        }
        text.push('\n');
    }
    text + LEGEND
}
