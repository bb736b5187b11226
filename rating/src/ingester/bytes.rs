//! An amount of memory, as the value of a flag.

use std::fmt;
use std::str::FromStr;

/// A number of bytes, written as `64MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub usize);

const UNITS: [(&str, usize); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "expected an amount above 0 such as 64MiB, 512KiB or 1GiB".to_owned();
        let (unit, factor) = UNITS.iter().find(|(unit, _)| text.ends_with(unit)).ok_or_else(wrong)?;
        let number: usize = text[..text.len() - unit.len()].trim().parse().map_err(|_| wrong())?;
        number.checked_mul(*factor).filter(|bytes| *bytes > 0).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, factor): &&(&str, usize)| self.0.is_multiple_of(*factor);
        let (unit, factor) = UNITS.iter().find(whole).unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amount_round_trips() {
        for (text, bytes) in [("64MiB", 64 << 20), ("1GiB", 1 << 30), ("1000B", 1000)] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)));
            assert_eq!(Bytes(bytes).to_string(), text);
        }
        for bad in ["", "64", "64MB", "0B", "0MiB", "-1MiB", "1.5MiB", "99999999999999999999GiB"] {
            assert!(bad.parse::<Bytes>().is_err(), "{bad}");
        }
    }
}
