//! Preferences of a client in `Accept` and `Accept-Encoding` (RFC 9110, sections 12.5.1 and 12.5.3).

use http::{HeaderMap, HeaderName, header};
use mediatype::{MediaType, MediaTypeList, ReadParams};

/// The weight without a `q`, in thousandths.
const FULL: u16 = 1000;

/// A media type that a response can have.
pub(crate) struct Offer {
    pub(crate) r#type: &'static str,
    pub(crate) subtype: &'static str,
    /// Returns true if the response has the value for the parameter of this lower-case name.
    pub(crate) has: fn(&str, &str) -> bool,
}

/// How much a client wants an offer. The preference with the greater weight is greater; with equal weights, the more
/// specific one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Preference {
    /// Thousandths; 0 if the offer is not acceptable.
    weight: u16,
    specificity: Specificity,
}

/// How precisely a media range names an offer, with the number of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Specificity {
    Unnamed,
    Any,
    Type,
    Exact(usize),
}

impl Preference {
    const UNACCEPTABLE: Self = Self { weight: 0, specificity: Specificity::Unnamed };

    /// Returns true if the client accepts the offer and names its type.
    pub(crate) const fn is_named(self) -> bool {
        self.weight > 0 && matches!(self.specificity, Specificity::Exact(_))
    }
}

/// Returns the preference for `offer`: the weight of the most specific media range that matches. Ranges that can't be
/// parsed are ignored. Without the header everything is acceptable.
pub(crate) fn media(headers: &HeaderMap, offer: &Offer) -> Preference {
    if !headers.contains_key(header::ACCEPT) {
        return Preference { weight: FULL, specificity: Specificity::Any };
    }
    let ranges = lines(headers, header::ACCEPT).flat_map(|line| MediaTypeList::new(line).flatten());
    let matching = ranges.filter_map(|range| range_preference(&range, offer));
    let best = matching.max_by_key(|preference| (preference.specificity, preference.weight));
    best.filter(|preference| preference.weight > 0).unwrap_or(Preference::UNACCEPTABLE)
}

/// Returns the preference that `range` states for `offer`, if it matches.
fn range_preference(range: &MediaType<'_>, offer: &Offer) -> Option<Preference> {
    let mut parameters = range.params();
    let mut count = 0;
    // The weight ends the parameters of the range.
    let weight = loop {
        match parameters.next() {
            None => break FULL,
            Some((name, value)) if name == *"q" => break parse_weight(value.as_str())?,
            Some((name, value)) => {
                if !(offer.has)(&name.as_str().to_ascii_lowercase(), &value.unquoted_str()) {
                    return None;
                }
                count += 1;
            }
        }
    };
    let specificity = if range.ty == *"*" && range.subty == *"*" {
        Specificity::Any
    } else if range.ty != *offer.r#type || range.suffix.is_some() {
        return None;
    } else if range.subty == *"*" {
        Specificity::Type
    } else if range.subty == *offer.subtype {
        Specificity::Exact(count)
    } else {
        return None;
    };
    Some(Preference { weight, specificity })
}

/// Returns true if a client accepts a response in the content coding `name` at least as much as an unencoded one; false
/// without the header.
#[must_use]
pub fn accepts_coding(headers: &HeaderMap, name: &str) -> bool {
    let codings =
        || lines(headers, header::ACCEPT_ENCODING).flat_map(|line| line.split(',')).filter_map(parse_coding);
    let of = |name: &str| {
        codings().filter(|(coding, _)| coding.eq_ignore_ascii_case(name)).map(|(_, weight)| weight).max()
    };
    let weight = of(name).or_else(|| of("*")).unwrap_or(0);
    weight > 0 && weight >= of("identity").unwrap_or(0)
}

/// Parses `coding [;q=weight]`.
fn parse_coding(text: &str) -> Option<(&str, u16)> {
    let Some((coding, parameter)) = text.split_once(';') else { return Some((text.trim_ascii(), FULL)) };
    let (name, weight) = parameter.trim_ascii().split_once('=')?;
    let weight = name.eq_ignore_ascii_case("q").then(|| parse_weight(weight))??;
    Some((coding.trim_ascii(), weight))
}

/// Parses a weight: 0 to 1 with up to three decimals, into thousandths.
fn parse_weight(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let digits = decimals.bytes().map(|digit| u16::from(digit - b'0')).chain([0; 3]);
    let thousandths = digits.take(3).fold(0, |sum, digit| sum * 10 + digit);
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(FULL),
        _ => None,
    }
}

/// Returns the lines of a header that are text.
fn lines(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).iter().filter_map(|line| line.to_str().ok())
}

#[cfg(test)]
mod tests;
