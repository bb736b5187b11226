//! Fast parsing of events in this program's own JSON form: fields in order, without
//! white space, escapes or unknown fields. Such bytes are parsed in one pass and sent unchanged.

use api::json::{EventType, RatingEvent};

/// Returns the event if serializing it would produce `json`; `None` means only that the form differs.
pub(super) fn read(json: &str) -> Option<RatingEvent<'_>> {
    let mut rest = Rest(json);
    let event = RatingEvent {
        user_id: Some(rest.text(r#"{"userId":""#)?.into()),
        record_id: Some(rest.text(r#","recordId":""#)?.into()),
        record_type: Some(rest.text(r#","recordType":""#)?.into()),
        value: rest.number(r#","value":"#),
        provider_id: rest.text(r#","providerId":""#).map(Into::into),
        event_type: match rest.text(r#","eventType":""#) {
            None => None,
            Some("put") => Some(EventType::Put),
            Some("delete") => Some(EventType::Delete),
            Some(_) => return None,
        },
        rated_at: rest.text(r#","ratedAt":""#).map(Into::into),
    };
    (rest.0 == "}").then_some(event)
}

/// The unparsed rest; a field that is not next leaves it unchanged.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn text(&mut self, name: &str) -> Option<&'a str> {
        let text = self.0.strip_prefix(name)?;
        let end = text.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
        self.0 = text[end..].strip_prefix('"')?;
        Some(&text[..end])
    }

    fn number(&mut self, name: &str) -> Option<i64> {
        let text = self.0.strip_prefix(name)?;
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=18).contains(&digits) || text.starts_with('0') {
            return None;
        }
        let (number, after) = text.split_at(digits);
        self.0 = after;
        number.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_path_agrees_with_parser_and_round_trips() {
        let names = [
            r#"{"userId":"#,
            r#","recordId":"#,
            r#","recordType":"#,
            r#","value":"#,
            r#","providerId":"#,
            r#","eventType":"#,
            r#","ratedAt":"#,
        ];
        let values = [
            "",
            r#""""#,
            r#""é\u007f""#,
            r#""a\"b""#,
            "\"a\nb\"",
            r#""put""#,
            r#""delete""#,
            r#""drop""#,
            "7",
            "0",
            "07",
            "-1",
            "5.0",
            "999999999999999999",
            "9999999999999999999",
            "null",
            "[]",
            r#" "u""#,
            r#""u" "#,
        ];
        // Every field is tried with every value, with common values for the others.
        let usual = [r#""u""#, r#""1""#, r#""movie""#, "5", r#""p""#, r#""put""#, r#""t""#];
        let mut read_directly = 0;
        for place in 0..names.len() {
            for value in values {
                for left_out in 0..16 {
                    let mut json = String::new();
                    for (field, name) in names.iter().enumerate() {
                        let kept = field < 3 || field == place || left_out & (1 << (field - 3)) == 0;
                        let shown = if field == place { value } else { usual[field] };
                        if kept && !shown.is_empty() {
                            json.push_str(name);
                            json.push_str(shown);
                        }
                    }
                    json.push('}');
                    let Some(event) = read(&json) else { continue };
                    read_directly += 1;
                    assert_eq!(serde_json::from_str::<RatingEvent<'_>>(&json).unwrap(), event, "{json}");
                    assert_eq!(serde_json::to_string(&event).unwrap(), json);
                }
            }
        }
        assert!(read_directly > 400, "{read_directly}");
    }

    #[test]
    fn trailing_text_and_other_field_order_are_left_to_parser() {
        let good = r#"{"userId":"u","recordId":"1","recordType":"movie","value":5}"#;
        assert!(read(good).is_some());
        for other in [
            format!("{good}}}"),
            format!(" {good}"),
            good[..good.len() - 1].to_owned(),
            r#"{"recordId":"1","userId":"u","recordType":"movie","value":5}"#.to_owned(),
            r#"{"userId":"u","recordId":"1","recordType":"movie","value":5,"extra":1}"#.to_owned(),
            r#"{"userId":"u","recordId":"1","recordType":"movie","value":5,"value":5}"#.to_owned(),
        ] {
            assert_eq!(read(&other), None, "{other}");
        }
    }
}
