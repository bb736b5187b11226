//! A reader of Prometheus' text format 0.0.4, as far as the console needs it: sample lines. Lines that are not valid
//! are skipped. The crates that parse the format bring regular expressions and time zones for these lines.

use std::borrow::Cow;

/// A sample.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample<'a> {
    /// The name, with the suffix of its kind: `requests_total`, `request_duration_seconds_bucket`.
    pub(crate) name: &'a str,
    labels: Vec<(&'a str, Cow<'a, str>)>,
    /// The value, also infinite or not a number.
    pub(crate) value: f64,
}

impl Sample<'_> {
    /// Returns the value of a label; an absent label is empty.
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(label, _)| *label == name).map_or("", |(_, value)| value)
    }
}

/// Returns the samples of `text` whose name `wanted` accepts.
pub(crate) fn samples<'a>(
    text: &'a str,
    wanted: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = Sample<'a>> + 'a {
    text.lines().filter_map(move |line| {
        let line = line.trim_start();
        let end = line.find(|c: char| !is_name(c)).filter(|end| *end > 0)?;
        let (name, rest) = line.split_at(end);
        if wanted(name) { sample(name, rest) } else { None }
    })
}

fn sample<'a>(name: &'a str, rest: &'a str) -> Option<Sample<'a>> {
    let (labels, rest) = match rest.trim_start().strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    // A time and an exemplar may follow.
    let value = rest.split_ascii_whitespace().next()?;
    Some(Sample { name, labels, value: value.parse().ok()? })
}

type Labels<'a> = Vec<(&'a str, Cow<'a, str>)>;

fn labels(mut rest: &str) -> Option<(Labels<'_>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start().strip_prefix('"')?;
        let (value, after) = quoted(after)?;
        labels.push((name.trim(), value));
        rest = after.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

/// Reads a label's value up to its closing quote.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = text.find(['"', '\\'])?;
    if text[end..].starts_with('"') {
        return Some((Cow::Borrowed(&text[..end]), &text[end + 1..]));
    }
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((Cow::Owned(value), &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            other => value.push(other),
        }
    }
    None
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<Sample<'_>> {
        samples(text, |_| true).collect()
    }

    #[test]
    fn samples_are_read_with_escapes_times_and_exemplars() {
        let text = "# HELP a_total Help.\n# TYPE a_total counter\n\
                    a_total{route=\"/v1/{id}\",text=\"a\\\"b\\\\c\\nd\",} 12 1700000000\n\
                    b 1.5e3\n  c_bucket{le=\"+Inf\"} 3 # {trace_id=\"x\"} 0.1\nd NaN\ne -Inf\nf{} 1\n";
        let read = read(text);
        let names: Vec<_> = read.iter().map(|sample| sample.name).collect();
        assert_eq!(names, ["a_total", "b", "c_bucket", "d", "e", "f"]);
        assert_eq!((read[0].label("route"), read[0].value), ("/v1/{id}", 12.0));
        assert_eq!(read[0].label("text"), "a\"b\\c\nd");
        assert_eq!((read[1].value, read[1].label("absent")), (1500.0, ""));
        assert_eq!((read[2].label("le"), read[2].value), ("+Inf", 3.0));
        assert!(read[3].value.is_nan() && read[4].value.is_infinite());
    }

    #[test]
    fn invalid_lines_are_skipped() {
        for line in
            ["", "{} 1", "a", "a b", "a{", "a{b}", "a{b=} 1", "a{b=\"} 1", "a{b=\"c\\", "a{b=\"c\"", "é 1"]
        {
            assert_eq!(read(line), [], "{line}");
        }
        assert_eq!(read("a{b=\"c\nx 1").len(), 1);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[a{}=\"\\\\, 1#\né]{0,60}") {
            read(&text);
        }
    }
}
