//! Preferences that clients state, and that anything may be stated.

use super::*;
use http::HeaderValue;
use proptest::prelude::*;

const HTML: Offer = Offer {
    r#type: "text",
    subtype: "html",
    has: |name, value| (name == "level" && value == "1") || (name == "title" && value == "a,b;q=0"),
};

fn headers(name: HeaderName, lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(name.clone(), HeaderValue::from_str(line).unwrap());
    }
    headers
}

fn weight(lines: &[&str]) -> u16 {
    media(&headers(header::ACCEPT, lines), &HTML).weight
}

#[test]
fn most_specific_range_sets_weight() {
    for (lines, expected) in [
        (&[][..], 1000),
        (&[""], 0),
        (&["text/html"], 1000),
        (&["TEXT/Html;Q=0.25"], 250),
        (&["text/html ; q=0.5 ; later=x"], 500),
        (&["text/html;q=0, */*"], 0),
        (&["*/*, text/html;q=0"], 0),
        (&["text/*;q=0.3, */*;q=0.9"], 300),
        (&["*/*;q=0.9", "text/*;q=0.3", "text/html;q=0.7"], 700),
        (&["text/html;level=1;q=0.4, text/html;q=0.7"], 400),
        (&["text/html;level=2;q=0.4, text/html;q=0.7"], 700),
        (&["text/html;LEVEL=\"1\";q=0.4"], 400),
        (&["text/html;title=\"a,b;q=0\";q=0.6"], 600),
        (&["text/html;title=\"a\\,b;q=0\";q=0.6"], 600),
        (&["text/plain;x=\"text/html\""], 0),
        (&["text/plain;x=\", text/html\""], 0),
        (&["application/html", "image/*"], 0),
        (&["text/html+xml", "*/html", "text/htmlx"], 0),
        (&["text/html;q=2, text/*;q=0.2"], 200),
        (&["text/html;q=0.1234"], 0),
        (&[", ,text/html;q=0.1,,"], 100),
        (&["@, text/html;q=0.1"], 100),
    ] {
        assert_eq!(weight(lines), expected, "{lines:?}");
    }
}

#[test]
fn coding_is_accepted_if_preferred_to_identity() {
    for (lines, expected) in [
        (&[][..], false),
        (&[""], false),
        (&["gzip"], true),
        (&["GZip;Q=0.001"], true),
        (&["br", "deflate , gzip ; q=0.5"], true),
        (&["*"], true),
        (&["*;q=0.5, gzip;q=0"], false),
        (&["*;q=0"], false),
        (&["gzip;q=0"], false),
        (&["gzip;q=0.000, *"], false),
        (&["identity, gzip;q=0.5"], false),
        (&["identity;q=0.5, gzip"], true),
        (&["gzip;q=x", "gzip;x=1"], false),
        (&["xgzip, gzipx, br;gzip"], false),
    ] {
        let headers = headers(header::ACCEPT_ENCODING, lines);
        assert_eq!(accepts_coding(&headers, "gzip"), expected, "{lines:?}");
    }
}

#[test]
fn weight_has_up_to_three_decimals() {
    for (text, expected) in [
        ("0", Some(0)),
        ("0.", Some(0)),
        ("0.5", Some(500)),
        ("0.05", Some(50)),
        ("0.999", Some(999)),
        ("1", Some(1000)),
        ("1.000", Some(1000)),
        ("1.001", None),
        ("1.0000", None),
        ("2", None),
        (".5", None),
        ("", None),
        ("00.5", None),
        ("-0", None),
        ("+0.5", None),
        ("0,5", None),
        ("0.5x", None),
    ] {
        assert_eq!(parse_weight(text), expected, "{text:?}");
    }
}

/// A media range, the specificity with which it names [`HTML`] if it does, and its weight.
fn range() -> impl Strategy<Value = (String, Option<u8>, u16)> {
    let names = prop_oneof![
        Just(("*/*", Some(0))),
        Just(("text/*", Some(1))),
        Just(("Text/HTML", Some(2))),
        Just(("text/html; level=1", Some(3))),
        Just(("text/html;level=2", None)),
        Just(("text/plain;x=\"text/html\"", None)),
        Just(("text/html-x", None)),
        Just(("image/*", None)),
    ];
    let blank = prop_oneof![Just(""), Just(" "), Just("\t ")];
    (names, 0..=1000_u16, blank.clone(), blank).prop_map(|((name, specificity), weight, before, after)| {
        let weighted = format!("{name}{before};{after}q={}.{:03}", weight / 1000, weight % 1000);
        (weighted, specificity, weight)
    })
}

proptest! {
    #[test]
    fn weight_is_that_of_most_specific_range_in_any_order_and_any_lines(
        ranges in proptest::collection::vec(range(), 1..8), split in any::<u8>(),
    ) {
        let matching = ranges.iter().filter_map(|(_, specificity, weight)| Some(((*specificity)?, *weight)));
        let expected = matching.max().map_or(0, |(_, weight)| weight);
        let texts: Vec<_> = ranges.iter().map(|(text, ..)| text.as_str()).collect();
        let (first, second) = texts.split_at(usize::from(split) % texts.len());
        let lines = [first.join(", "), second.join(" ,")];
        prop_assert_eq!(weight(&lines.each_ref().map(|line| line.as_str())), expected);
    }

    #[test]
    fn any_text_has_a_preference(text in "[ -~\t]{0,60}") {
        let line = [text.as_str()];
        prop_assert!(weight(&line) <= 1000);
        _ = accepts_coding(&headers(header::ACCEPT_ENCODING, &line), "gzip");
    }

    #[test]
    fn word_inside_other_parts_is_no_coding(coding in "[a-z]{1,4}gzip|gzip[a-z]{1,4}", weight in 0..1000_u16) {
        let line = format!("{coding};q=0.{weight:03}, br");
        prop_assert!(!accepts_coding(&headers(header::ACCEPT_ENCODING, &[&line]), "gzip"));
    }
}
