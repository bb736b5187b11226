//! A bar chart as SVG.

use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const LEFT: f64 = 220.0;
const ROW: f64 = 36.0;
const TOP: f64 = 44.0;

/// Draws a bar for each name and number, the longest over the full width.
pub(crate) fn bars(title: &str, bars: &[(&str, f64)]) -> String {
    let most = bars.iter().map(|bar| bar.1).fold(f64::MIN_POSITIVE, f64::max);
    let height = TOP + ROW * bars.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"14\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"12\" y=\"26\" font-size=\"16\">{title}</text>\n"
    );
    for (row, (name, number)) in bars.iter().enumerate() {
        let top = TOP + ROW * row as f64;
        let (text, width) = (top + 17.0, number / most * (WIDTH - LEFT - 90.0));
        let end = LEFT + width + 8.0;
        // Writing to a string cannot fail.
        let _ = write!(
            svg,
            "<text x=\"12\" y=\"{text}\">{name}</text>\n\
             <rect x=\"{LEFT}\" y=\"{top}\" width=\"{width:.0}\" height=\"24\" fill=\"#4472a8\"/>\n\
             <text x=\"{end:.0}\" y=\"{text}\">{number:.0}</text>\n"
        );
    }
    svg + "</svg>\n"
}
