//! Decoding of input units into events, or reasons for rejection.

mod csv;

use crate::config::Format;
use crate::event::Event;
use crate::input::Unit;
use csv::Layout;

/// Decodes units of one format.
pub(crate) struct Decoder {
    rows: Rows,
    event: Event,
}

enum Rows {
    /// Each unit is a JSON object.
    Json,
    /// Each unit is a row of a CSV file whose header has not been read yet.
    Header,
    /// Each unit is a row of a CSV file.
    Csv(Layout),
}

/// A decoded unit.
#[derive(Debug)]
pub(crate) enum Decoded<'a> {
    /// An event.
    Event(&'a Event),
    /// A CSV file's header.
    Header,
    /// Neither, for this reason.
    Rejected(String),
}

impl Decoder {
    /// Creates a decoder for `format`.
    pub(crate) fn new(format: Format) -> Self {
        let rows = match format {
            Format::Json | Format::Jsonl => Rows::Json,
            Format::Csv => Rows::Header,
        };
        Self { rows, event: Event::default() }
    }

    /// Decodes one unit. Fails if the first row of a CSV file has no known columns.
    pub(crate) fn decode(&mut self, unit: &Unit<'_>) -> Result<Decoded<'_>, csv::UnknownHeader> {
        if let Some(reason) = unit.broken {
            return Ok(Decoded::Rejected(reason.to_owned()));
        }
        let read = match &self.rows {
            Rows::Json => self.event.set_json(unit.bytes),
            Rows::Csv(layout) => layout.read(unit.bytes, &mut self.event),
            Rows::Header => {
                self.rows = Rows::Csv(Layout::of(unit.bytes)?);
                return Ok(Decoded::Header);
            }
        };
        Ok(match read {
            Ok(()) => Decoded::Event(&self.event),
            Err(reason) => Decoded::Rejected(reason),
        })
    }
}
