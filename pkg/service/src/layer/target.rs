//! Normalization of a request's path before it is routed.

use http::Uri;

/// Decodes the percent-encoded unreserved characters of the path: `/%76%31` is the same path as `/v1` (RFC 3986, section
/// 6.2.2.2). Reserved characters stay encoded, so that `%2F` separates nothing.
pub(crate) fn normalize_path(uri: &mut Uri) {
    let Some(path) = decoded(uri.path()) else { return };
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = target.try_into().ok();
    if let Ok(normalized) = Uri::from_parts(parts) {
        *uri = normalized;
    }
}

/// Returns `path` with its unreserved characters decoded, if any is encoded.
fn decoded(path: &str) -> Option<String> {
    let mut decoded = String::new();
    let mut rest = path;
    let mut from = 0;
    while let Some(at) = rest[from..].find('%').map(|at| from + at) {
        let octet = rest.get(at + 1..at + 3).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let octet = octet.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match octet.map(char::from).filter(|character| is_unreserved(*character)) {
            Some(character) => {
                decoded.push_str(&rest[..at]);
                decoded.push(character);
                rest = &rest[at + 3..];
                from = 0;
            }
            // The digits of an octet that stays encoded never begin another.
            None => from = at + 1,
        }
    }
    (rest.len() < path.len()).then(|| decoded + rest)
}

const fn is_unreserved(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_' | '~')
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    fn normalized(target: &str) -> String {
        let mut uri = target.parse().unwrap();
        normalize_path(&mut uri);
        uri.to_string()
    }

    #[test]
    fn only_unreserved_characters_of_path_are_decoded() {
        for (target, expected) in [
            ("/%76%31/movies", "/v1/movies"),
            ("/v1/%6D%6fvies/%41%7E%2D%2e%5F?query=%41", "/v1/movies/A~-._?query=%41"),
            ("/v1/metadata%3AbatchPut", "/v1/metadata%3AbatchPut"),
            ("/a%2Fb%2fc%25%3f%23%5B", "/a%2Fb%2fc%25%3f%23%5B"),
            ("/%2541%252F", "/%2541%252F"),
            ("/%C3%A9%FF%00%20", "/%C3%A9%FF%00%20"),
            ("/%%41%4%zz%", "/%A%4%zz%"),
            ("/%+4%4", "/%+4%4"),
            ("http://a:1/%76?x", "http://a:1/v?x"),
            ("/", "/"),
        ] {
            assert_eq!(normalized(target), expected);
        }
    }

    proptest! {
        #[test]
        fn meaning_stays_and_nothing_unreserved_is_left_encoded(
            pieces in proptest::collection::vec("[a-z/:]|%[0-9A-Fa-f]{2}|%25[0-9A-F]{2}", 0..20),
        ) {
            let path = format!("/{}", pieces.concat());
            let normalized = normalized(&path);
            let bytes = |path: &str| percent_decode_str(path).collect::<Vec<_>>();
            prop_assert_eq!(bytes(&normalized), bytes(&path));
            prop_assert_eq!(normalized.matches('/').count(), path.matches('/').count());
            prop_assert_eq!(decoded(&normalized), None);
        }

        #[test]
        fn encoding_an_unreserved_character_changes_nothing(path in "/[A-Za-z0-9._~/-]{0,20}", which in any::<u32>()) {
            let encoded: String = path.chars().enumerate().map(|(at, character)| {
                let is_encoded = character != '/' && which >> (at % 32) & 1 == 1;
                if is_encoded { format!("%{:02x}", u32::from(character)) } else { character.to_string() }
            }).collect();
            prop_assert_eq!(normalized(&encoded), path);
        }
    }
}
