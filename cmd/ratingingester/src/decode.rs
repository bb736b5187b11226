//! A unit of the input becomes an event, or the reason why it is none.

mod csv;

use crate::config::Format;
use crate::event::Event;
use crate::input::Unit;
use csv::Layout;

/// Reads units of one format.
pub(crate) enum Decoder {
    /// Each unit is a JSON object.
    Json,
    /// Each unit is a row of a CSV file whose header hasn't come yet.
    Header,
    /// Each unit is a row of a CSV file.
    Csv(Layout),
}

/// What a unit is.
#[derive(Debug)]
pub(crate) enum Decoded {
    /// An event.
    Event(Event),
    /// A CSV file's header.
    Header,
    /// Neither, for this reason.
    Rejected(String),
}

impl Decoder {
    /// Reads units of `format` from the first on.
    pub(crate) const fn new(format: Format) -> Self {
        match format {
            Format::Json | Format::Jsonl => Self::Json,
            Format::Csv => Self::Header,
        }
    }

    /// Reads one unit; an error where the first row of a CSV file names no columns that are known.
    pub(crate) fn decode(&mut self, unit: &Unit<'_>) -> Result<Decoded, csv::UnknownHeader> {
        if let Some(reason) = unit.broken {
            return Ok(Decoded::Rejected(reason.to_owned()));
        }
        let event = match self {
            Self::Json => Event::from_json(unit.bytes),
            Self::Csv(layout) => layout.event(unit.bytes),
            Self::Header => {
                *self = Self::Csv(Layout::of(unit.bytes)?);
                return Ok(Decoded::Header);
            }
        };
        Ok(event.map_or_else(Decoded::Rejected, Decoded::Event))
    }
}
