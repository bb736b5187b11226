//! The figures as text.

mod cells;
mod markdown;
mod table;

use crate::config::Output;
use crate::measure::Section;
use anyhow::Result;

/// Returns the figures in the selected form, ending with a line break.
pub fn render(sections: &[Section], output: Output) -> Result<String> {
    let rows: Vec<_> = sections.iter().flat_map(|section| &section.rows).collect();
    match output {
        Output::Table => Ok(table::render(sections)),
        Output::Markdown => Ok(markdown::render(sections)),
        Output::Json => Ok(serde_json::to_string_pretty(&rows)? + "\n"),
        Output::Csv => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in rows {
                writer.serialize(row)?;
            }
            Ok(String::from_utf8(writer.into_inner()?)?)
        }
    }
}

#[cfg(test)]
mod tests;
