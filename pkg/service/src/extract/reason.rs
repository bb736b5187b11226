//! Conversion of serde's error texts into rules for the caller.

use crate::problem::shortened;

/// The maximum length of a reason in bytes: it may quote the request.
const MAX_REASON: usize = 256;

/// Returns the rule in serde's `text`: `invalid type: floating point `4.5`, expected i32` becomes
/// `must be a whole number, not floating point `4.5``.
pub(super) fn reason(text: &str) -> String {
    let mismatch = text.strip_prefix("invalid type: ").or_else(|| text.strip_prefix("invalid value: "));
    let stated = match mismatch.and_then(|rest| rest.rsplit_once(", expected ")) {
        Some((given, expected)) => format!("must be {}, not {given}", plainly(expected)),
        None => text.to_owned(),
    };
    shortened(stated, MAX_REASON)
}

fn plainly(expected: &str) -> &str {
    match expected {
        "u64" | "u32" | "u16" | "u8" | "usize" | "i64" | "i32" | "i16" | "i8" | "isize" => "a whole number",
        "f64" | "f32" => "a number",
        "a sequence" => "a list",
        "a map" => "an object",
        _ if expected.starts_with("struct ") => "an object",
        _ => expected,
    }
}

/// Returns the name between the first backticks of serde's `text`, if it starts with `before`.
pub(super) fn quoted<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.strip_prefix('`')?.split('`').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_mismatch_is_reported_as_rule() {
        for (text, expected) in [
            (
                "invalid type: floating point `4.5`, expected i32",
                "must be a whole number, not floating point `4.5`",
            ),
            ("invalid value: integer `-1`, expected u64", "must be a whole number, not integer `-1`"),
            ("invalid type: null, expected a string", "must be a string, not null"),
            ("invalid type: map, expected a sequence", "must be a list, not map"),
            ("must be 1 to 10, not 11", "must be 1 to 10, not 11"),
        ] {
            assert_eq!(reason(text), expected);
        }
    }

    #[test]
    fn long_quotation_is_truncated() {
        let text = format!("invalid type: string \"{}\", expected i32", "ä".repeat(1000));
        assert!(reason(&text).len() <= MAX_REASON + 3);
    }
}
