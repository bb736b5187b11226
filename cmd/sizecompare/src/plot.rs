//! A plot of size against speed: a panel per record, a dot per format, times on a logarithmic axis.

mod label;

use crate::measure::{Row, Section};
use anyhow::{Result, anyhow};
use label::{HEIGHT, Place};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::ops::Range;

const PANEL: (u32, u32) = (680, 470);
const HEADER: u32 = 64;
const DOT: i32 = 5;
const INK: RGBColor = RGBColor(40, 40, 40);
const PALE: RGBColor = RGBColor(226, 226, 226);

/// Returns the colour of a kind of schema evolution, distinguishable by colour-blind readers.
const COLOURS: [(&str, RGBColor); 5] = [
    ("by name", RGBColor(213, 94, 0)),
    ("by number", RGBColor(0, 114, 178)),
    ("by schema", RGBColor(0, 158, 115)),
    ("by order", RGBColor(204, 121, 167)),
    ("no", RGBColor(90, 90, 90)),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws all sections, in two columns if there are several, and returns the SVG.
pub fn draw(sections: &[Section]) -> Result<String> {
    let columns = sections.len().clamp(1, 2);
    let rows = sections.len().div_ceil(columns);
    let size = (PANEL.0 * columns as u32, PANEL.1 * rows as u32 + HEADER);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        fill(&root, sections, (rows, columns)).map_err(|error| anyhow!("can't draw the plot: {error}"))?;
    }
    Ok(svg)
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn fill(root: &Area<'_>, sections: &[Section], grid: (usize, usize)) -> Drawn {
    root.fill(&WHITE)?;
    header(root)?;
    let (_, panels) = root.split_vertically(HEADER);
    for (section, area) in sections.iter().zip(panels.split_evenly(grid)) {
        panel(root, &area, section)?;
    }
    root.present()?;
    Ok(())
}

fn header(root: &Area<'_>) -> Drawn {
    let text = |size| ("sans-serif", size).into_font().color(&INK);
    let title = "Size against speed: nearer to the lower left is better";
    root.draw(&Text::new(title, (16, 12), text(20)))?;
    let mut left = 16;
    root.draw(&Text::new("the schema evolves", (left, 42), text(14)))?;
    left += label::width("the schema evolves") + 16;
    for (evolves, colour) in COLOURS {
        root.draw(&Circle::new((left, 48), DOT, colour.filled()))?;
        root.draw(&Text::new(evolves, (left + 10, 42), text(14)))?;
        left += label::width(evolves) + 34;
    }
    Ok(())
}

fn panel(root: &Area<'_>, area: &Area<'_>, section: &Section) -> Drawn {
    let sizes = section.rows.iter().map(|row| row.size).max().unwrap_or(1) as f64 * 1.15;
    let times = times(section.rows.iter().map(both_ways));
    let mut chart = ChartBuilder::on(area)
        .caption(&section.about, ("sans-serif", 17).into_font().color(&INK))
        .margin(14)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..sizes, times.log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(PALE)
        .axis_style(PALE)
        .label_style(("sans-serif", 13).into_font().color(&INK))
        .x_desc("size")
        .y_desc("encode and decode")
        .x_labels(7)
        .y_labels(4)
        .x_label_formatter(&|bytes| bytes_text(*bytes))
        .y_label_formatter(&|nanoseconds| time_text(*nanoseconds))
        .draw()?;
    let dots: Vec<_> =
        section.rows.iter().map(|row| chart.backend_coord(&(row.size as f64, both_ways(row)))).collect();
    let (across, down) = chart.plotting_area().get_pixel_range();
    let names: Vec<_> = section.rows.iter().map(|row| row.format).collect();
    let places = label::places(&dots, &names, (across, down));
    for ((row, dot), place) in section.rows.iter().zip(&dots).zip(&places) {
        name(root, row, *dot, *place)?;
    }
    Ok(())
}

/// Draws a format's dot and name, connected by a line if the name is not adjacent.
fn name(root: &Area<'_>, row: &Row, dot: (i32, i32), place: Place) -> Drawn {
    let colour =
        COLOURS.iter().find(|(evolves, _)| *evolves == row.evolves).map_or(INK, |(_, colour)| *colour);
    if let Some(end) = place.line(dot) {
        root.draw(&PathElement::new([dot, end], colour.mix(0.5)))?;
    }
    root.draw(&Circle::new(dot, DOT, colour.filled()))?;
    let style = ("sans-serif", HEIGHT - 2).into_font().color(&colour).pos(Pos::new(HPos::Left, VPos::Center));
    root.draw(&Text::new(row.format, (place.left, place.top + HEIGHT / 2), style))?;
    Ok(())
}

fn both_ways(row: &Row) -> f64 {
    row.encode_ns + row.decode_ns
}

/// Returns the range of times, with a margin at both ends.
fn times(times: impl Iterator<Item = f64> + Clone) -> Range<f64> {
    let greatest = times.clone().fold(1.0, f64::max);
    let least = times.fold(greatest, f64::min);
    least / 1.5..greatest * 1.5
}

fn bytes_text(bytes: f64) -> String {
    match bytes {
        below if below < 1e3 => format!("{below:.0} B"),
        below if below < 1e4 => format!("{:.1} kB", below / 1e3),
        above => format!("{:.0} kB", above / 1e3),
    }
}

fn time_text(nanoseconds: f64) -> String {
    match nanoseconds {
        below if below < 1e3 => format!("{below:.0} ns"),
        below if below < 1e6 => format!("{:.0} µs", below / 1e3),
        above => format!("{:.0} ms", above / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{format::Format, measure, sample};

    #[test]
    fn every_format_and_record_is_named_once() {
        let formats = [Format::Json, Format::Protobuf];
        let sections: Vec<_> = sample::built_in()
            .iter()
            .take(3)
            .map(|sample| measure::measure(sample, &formats, 1).unwrap())
            .collect();
        let svg = draw(&sections).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
        for name in ["JSON", "Protocol Buffers"] {
            assert_eq!(svg.matches(&format!("\n{name}\n")).count(), 3, "{name}: {svg}");
        }
        for section in &sections {
            let about = section.about.replace('"', "&quot;");
            assert_eq!(svg.matches(&about).count(), 1, "{about}: {svg}");
        }
    }
}
