//! The fields of a row of CSV (RFC 4180). A row is always one line, so that an unclosed quote spoils only its own row.

use std::borrow::Cow;

/// The separators of fields that spreadsheets write, the usual one first.
pub const SEPARATORS: [char; 3] = [',', ';', '\t'];

/// Splits a row at its separators. Blanks around a field are dropped; a field in quotes is kept as it is, and may
/// contain separators and doubled quotes.
///
/// # Errors
///
/// Why the quotes of the row are invalid.
pub fn fields(row: &str, separator: char) -> Result<Vec<Cow<'_, str>>, &'static str> {
    let is_blank = |c: char| c.is_whitespace() && c != separator;
    let mut fields = Vec::with_capacity(8);
    let mut rest = row;
    loop {
        let (field, after) = match rest.trim_start_matches(is_blank).strip_prefix('"') {
            Some(quoted) => {
                let (field, after) = quoted_field(quoted)?;
                (field, after.trim_start_matches(is_blank))
            }
            None => {
                let (field, after) = rest.split_at(rest.find(separator).unwrap_or(rest.len()));
                (field.trim_matches(is_blank).into(), after)
            }
        };
        fields.push(field);
        match after.strip_prefix(separator) {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(fields),
            None => return Err("text follows a closing quote"),
        }
    }
}

/// Reads on after an opening quote; returns the field and the text after its closing quote.
fn quoted_field(text: &str) -> Result<(Cow<'_, str>, &str), &'static str> {
    let mut from = 0;
    loop {
        let quote = from + text[from..].find('"').ok_or("a quote is never closed")?;
        if !text[quote + 1..].starts_with('"') {
            let (field, after) = (&text[..quote], &text[quote + 1..]);
            let field = if from == 0 { field.into() } else { field.replace("\"\"", "\"").into() };
            return Ok((field, after));
        }
        from = quote + 2;
    }
}

/// Parses a whole number, which some programs write as `8.0`.
#[must_use]
pub fn whole(text: &str) -> Option<i64> {
    let (digits, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_whole = !fraction.is_empty() && fraction.bytes().all(|digit| digit == b'0');
    digits.parse().ok().filter(|_| is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_number_may_have_zeros_as_fraction() {
        for (text, number) in [("8", 8), ("8.0", 8), ("8.000", 8), ("-1", -1), ("0.0", 0)] {
            assert_eq!(whole(text), Some(number), "{text}");
        }
        for text in
            ["", "8.5", "8.", ".0", "8.0.0", "8,0", "8e0", "0x8", "8.0x", "NaN", "9223372036854775808"]
        {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn row_is_split_at_separators_outside_of_quotes() {
        for (row, separator, expected) in [
            ("a,b", ',', &["a", "b"][..]),
            ("", ',', &[""]),
            ("\"\",\"\"\"\",", ',', &["", "\"", ""]),
            (" a b , \"c, d \" ,\te ", ',', &["a b", "c, d ", "e"]),
            ("a,b;\"c;d\"", ';', &["a,b", "c;d"]),
            (" a\t\t b\t", '\t', &["a", "", "b", ""]),
            ("a\"b,c", ',', &["a\"b", "c"]),
        ] {
            assert_eq!(fields(row, separator).unwrap(), expected, "{row}");
        }
    }

    #[test]
    fn unmatched_quote_is_rejected() {
        assert_eq!(fields("a,\"b", ','), Err("a quote is never closed"));
        assert_eq!(fields("\"a\"b", ','), Err("text follows a closing quote"));
        assert_eq!(fields("\"a\" b,c", ','), Err("text follows a closing quote"));
    }
}
