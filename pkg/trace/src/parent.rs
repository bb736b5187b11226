//! The context that a caller sends: W3C Trace Context, `traceparent` and `tracestate`
//! (<https://www.w3.org/TR/trace-context/>). What breaks the specification's rules is ignored.

use http::HeaderMap;
use http::header::HeaderName;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

pub(crate) static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The maximum number of members of a `tracestate`.
const MAX_MEMBERS: usize = 32;

/// The maximum length of a `tracestate` that is passed on, in bytes: the length that every participant should accept.
const MAX_STATE: usize = 512;

/// The span of a caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Parent {
    trace_id: u128,
    span_id: u64,
    sampled: bool,
    state: Option<String>,
}

impl Parent {
    /// Reads the headers of a request. `None` if they have no `traceparent`, several, or a malformed one. A `tracestate`
    /// that breaks a rule is left out.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all(&TRACEPARENT).iter();
        let (parent, None) = (parents.next()?, parents.next()) else { return None };
        let states = headers.get_all(&TRACESTATE).iter().map(http::HeaderValue::as_bytes);
        Self::parse(parent.as_bytes(), states)
    }

    /// Reads a `traceparent` and the lines of a `tracestate`.
    pub fn parse<'a>(traceparent: &[u8], tracestate: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let text = trim(traceparent);
        let (version, rest) = (hex(text.get(0..2)?)?, text.get(55..)?);
        // Later versions may add fields after these.
        let is_known = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.first().is_none_or(|next| *next == b'-'),
        };
        if !is_known || [text[2], text[35], text[52]] != *b"---" {
            return None;
        }
        let (trace_id, span_id) = (hex(&text[3..35])?, hex(&text[36..52])?);
        let flags = hex(&text[53..55])?;
        let span_id = u64::try_from(span_id).ok()?;
        let is_valid = trace_id != 0 && span_id != 0;
        is_valid.then(|| Self { trace_id, span_id, sampled: flags & 1 == 1, state: state(tracestate) })
    }

    /// Returns whether the caller has sampled the request.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// Returns the context of the caller's span, for a link to it.
    #[must_use]
    pub fn context(&self) -> SpanContext {
        let members = self.state.iter().flat_map(|state| state.split(',')).filter_map(|m| m.split_once('='));
        let state = TraceState::from_key_value(members).unwrap_or_default();
        let flags = if self.sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
        SpanContext::new(TraceId::from(self.trace_id), SpanId::from(self.span_id), flags, true, state)
    }

    /// Returns true if a ratio of so many 2⁶⁴ths samples this trace: the same decision in every service.
    pub(crate) const fn is_within(&self, threshold: u128) -> bool {
        (self.trace_id & u64::MAX as u128) < threshold
    }

    /// Returns the `traceparent` of a request that is not sampled here.
    pub(crate) fn unsampled(&self) -> String {
        format!("00-{:032x}-{:016x}-00", self.trace_id, self.span_id)
    }

    pub(crate) fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

fn trim(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

/// Parses lower-case hexadecimal digits.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

/// Joins the lines of a `tracestate`; `None` if it is empty, too long, or has an invalid or repeated member.
fn state<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let (mut state, mut members) = (String::new(), Vec::new());
    for line in lines {
        let line = std::str::from_utf8(line).ok()?;
        for member in line.split(',').map(|member| member.trim_matches([' ', '\t'])) {
            if member.is_empty() {
                continue;
            }
            let (key, value) = member.split_once('=')?;
            if !is_key(key) || !is_value(value) || members.contains(&key) || members.len() == MAX_MEMBERS {
                return None;
            }
            members.push(key);
            if !state.is_empty() {
                state.push(',');
            }
            state.push_str(member);
        }
    }
    (1..=MAX_STATE).contains(&state.len()).then_some(state)
}

/// Returns true for `vendor` or `tenant@vendor`.
fn is_key(key: &str) -> bool {
    let is_part = |part: &str, max: usize, starts_with_letter: bool| {
        let mut bytes = part.bytes();
        let first =
            bytes.next().is_some_and(|b| b.is_ascii_lowercase() || !starts_with_letter && b.is_ascii_digit());
        let mut rest = bytes.map(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/'));
        first && part.len() <= max && rest.all(|allowed| allowed)
    };
    match key.split_once('@') {
        Some((tenant, vendor)) => is_part(tenant, 241, false) && is_part(vendor, 14, true),
        None => is_part(key, 256, true),
    }
}

fn is_value(value: &str) -> bool {
    let is_allowed = |b| matches!(b, b' '..=b'~') && b != b',' && b != b'=';
    (1..=256).contains(&value.len()) && value.bytes().all(is_allowed) && !value.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn parent(traceparent: &str, states: &[&str]) -> Option<Parent> {
        Parent::parse(traceparent.as_bytes(), states.iter().map(|state| state.as_bytes()))
    }

    fn state_of(states: &[&str]) -> Option<String> {
        parent(&format!("00-{TRACE}-{SPAN}-01"), states).unwrap().state
    }

    #[test]
    fn traceparent_of_known_and_later_versions_is_read() {
        for (text, sampled) in [
            (format!("00-{TRACE}-{SPAN}-01"), true),
            (format!("00-{TRACE}-{SPAN}-00"), false),
            (format!("00-{TRACE}-{SPAN}-ff"), true),
            (format!("00-{TRACE}-{SPAN}-fe"), false),
            (format!(" 00-{TRACE}-{SPAN}-01\t"), true),
            (format!("cc-{TRACE}-{SPAN}-01"), true),
            (format!("01-{TRACE}-{SPAN}-01-what-the-future-will-be-like"), true),
            (format!("01-{TRACE}-{SPAN}-01-"), true),
        ] {
            let parent = parent(&text, &[]).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(parent.is_sampled(), sampled, "{text}");
            let context = parent.context();
            assert_eq!(context.trace_id().to_string(), TRACE);
            assert_eq!(context.span_id().to_string(), SPAN);
            assert_eq!((context.is_sampled(), context.is_remote()), (sampled, true));
        }
    }

    /// The cases of the W3C's own test suite, and their kin.
    #[test]
    fn malformed_traceparent_is_ignored() {
        for text in [
            String::new(),
            "-".into(),
            "00".into(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-010"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-01.more"),
            format!("cc-{TRACE}-{SPAN}-01.more"),
            format!("cc-{TRACE}-{SPAN}-01more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("FF-{TRACE}-{SPAN}-01"),
            format!("0-{TRACE}-{SPAN}-01"),
            format!("000-{TRACE}-{SPAN}-01"),
            format!(".0-{TRACE}-{SPAN}-01"),
            format!("0.-{TRACE}-{SPAN}-01"),
            format!("+0-{TRACE}-{SPAN}-01"),
            format!("0x-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{}-01", SPAN.to_uppercase()),
            format!("00-.{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{}.-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}-.{}-01", &SPAN[1..]),
            format!("00-{TRACE}0-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}-{SPAN}0-01"),
            format!("00-{TRACE}-{}-01", &SPAN[1..]),
            format!("00-{TRACE}-{SPAN}-.0"),
            format!("00-{TRACE}-{SPAN}-0."),
            format!("00-{TRACE}-{SPAN}-+1"),
            format!("00_{TRACE}_{SPAN}_01"),
            format!("00--{TRACE}-{SPAN}-01"),
            format!("{TRACE}-{SPAN}-01"),
        ] {
            assert_eq!(parent(&text, &["foo=1"]), None, "{text}");
        }
    }

    #[test]
    fn several_traceparents_are_ignored() {
        let value = http::HeaderValue::from_str(&format!("00-{TRACE}-{SPAN}-01")).unwrap();
        let mut headers = HeaderMap::new();
        headers.append(&TRACEPARENT, value.clone());
        assert!(Parent::from_headers(&headers).is_some());
        headers.append(&TRACEPARENT, value);
        assert_eq!(Parent::from_headers(&headers), None);
    }

    #[test]
    fn tracestate_keeps_its_members_in_order() {
        let members: Vec<String> = (1..=MAX_MEMBERS).map(|n| format!("bar{n:02}={n:02}")).collect();
        let (long_key, long_vendor) =
            (format!("{}=1", "z".repeat(256)), format!("{}@{}=1", "t".repeat(241), "v".repeat(14)));
        let long_value = format!("foo={}", "v".repeat(256));
        for (states, expected) in [
            (&["foo=1,bar=2"][..], "foo=1,bar=2"),
            (&["foo=1", "bar=2"], "foo=1,bar=2"),
            (&["foo=1 \t,\t bar=2", "", " , baz=3,"], "foo=1,bar=2,baz=3"),
            (&["foo=1, bar=a b"], "foo=1,bar=a b"),
            (&["t0*_-/@v0*_-/= !\"#~"], "t0*_-/@v0*_-/= !\"#~"),
            (&["0@v=1"], "0@v=1"),
            (&[&long_key], &long_key),
            (&[&long_vendor], &long_vendor),
            (&[&long_value], &long_value),
            (&[&members.join(",")], &members.join(",")),
        ] {
            assert_eq!(state_of(states).as_deref(), Some(expected), "{states:?}");
        }
    }

    #[test]
    fn invalid_tracestate_is_left_out() {
        let too_many: Vec<String> = (0..=MAX_MEMBERS).map(|n| format!("bar{n:02}={n:02}")).collect();
        let too_long: Vec<String> = (0..3).map(|n| format!("k{n}={}", "v".repeat(200))).collect();
        for state in [
            "",
            " ",
            ",",
            "foo",
            "foo=",
            "=1",
            "foo=1,foo=1",
            "foo=1,foo=2",
            "foo =1",
            "FOO=1",
            "foo.bar=1",
            "0=1",
            "foo@=1,bar=2",
            "@foo=1,bar=2",
            "foo@@bar=1,bar=2",
            "foo@bar@baz=1",
            "foo@0v=1",
            "foo=bar=baz",
            "foo=a\u{7f}",
            "foo=é",
            &format!("{}=1", "z".repeat(257)),
            &format!("{}@v=1", "t".repeat(242)),
            &format!("t@{}=1", "v".repeat(15)),
            &format!("foo={}", "v".repeat(257)),
            &too_many.join(","),
            &too_long.join(","),
        ] {
            assert_eq!(state_of(&[state]), None, "{state}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_ignored(parent: Vec<u8>, state: Vec<u8>) {
            _ = Parent::parse(&parent, std::iter::once(&*state));
        }

        #[test]
        fn what_is_read_is_passed_on(trace_id in 1_u128.., span_id in 1_u64.., sampled: bool) {
            let text = format!("00-{trace_id:032x}-{span_id:016x}-{:02x}", u8::from(sampled));
            let read = parent(&text, &[]).unwrap();
            prop_assert_eq!(&read, &Parent { trace_id, span_id, sampled, state: None });
            prop_assert_eq!(&read.unsampled()[..53], &text[..53]);
        }
    }
}
