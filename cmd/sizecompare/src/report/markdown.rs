//! Tables for a document.

use super::cells::{cells, headings, in_place, unit};
use crate::measure::Section;

pub(super) fn render(sections: &[Section]) -> String {
    let section = |section: &Section| {
        let unit = unit(section);
        let mut text = format!("### {}\n\n", section.about);
        text += &line(&headings(unit));
        text += "|---|--:|--:|--:|--:|--:|--:|---|\n";
        for row in &section.rows {
            text += &line(&cells(row, unit));
        }
        for note in in_place(section, unit) {
            text += &format!("\n{note}\n");
        }
        text
    };
    sections.iter().map(section).collect::<Vec<_>>().join("\n")
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}
