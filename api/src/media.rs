//! Media types of Kafka records, compared as RFC 9110 defines: without their parameters, and case-insensitively.

/// Names of the protobuf encoding. There is no registered one, so the names that producers use are all accepted.
const PROTOBUF: [&str; 3] =
    ["application/x-protobuf", "application/protobuf", "application/vnd.google.protobuf"];

/// Returns true if a record with this `content-type` header is protobuf. Every other media type, known or not, is read
/// as JSON: many producers set a generic type, and a value of another format is not valid JSON.
#[must_use]
pub fn is_protobuf(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    PROTOBUF.iter().any(|name| essence.eq_ignore_ascii_case(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_case_of_a_media_type_do_not_matter() {
        for (content_type, expected) in [
            ("application/x-protobuf", true),
            ("application/x-protobuf; messageType=rating.v1.RatingEvent", true),
            ("Application/X-Protobuf;messageType=\"a;b\"", true),
            (" application/protobuf ;", true),
            ("application/vnd.google.protobuf; proto=rating.v1.RatingEvent", true),
            ("application/json", false),
            ("application/json; charset=utf-8", false),
            ("application/json; a=application/x-protobuf", false),
            ("application/x-protobuffer", false),
            ("text/plain", false),
            ("", false),
            (";", false),
        ] {
            assert_eq!(is_protobuf(content_type.as_bytes()), expected, "{content_type}");
        }
        assert!(!is_protobuf(b"\xff\xfe"));
    }
}
