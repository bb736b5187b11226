//! Checks of a request's head that do not depend on its path: a valid Host, and no write on behalf of a web page of
//! another origin.

use http::header::{HOST, HeaderName, ORIGIN};
use http::{HeaderMap, Method, Request, Version};
use std::net::Ipv6Addr;

/// The header in which a browser reports the relation of the requesting page to the server.
static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Returns true if `request` names its host as RFC 9112, section 3.2, requires: HTTP/1.1 exactly once, HTTP/1.0 at
/// most once, and with a valid value. In HTTP/2 the host is part of the target, which is checked while it is parsed.
#[must_use]
pub fn has_valid_host<B>(request: &Request<B>) -> bool {
    if request.version() >= Version::HTTP_2 {
        return true;
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => request.version() < Version::HTTP_11,
        (Some(host), None) => host.to_str().is_ok_and(|host| authority(host).is_some()),
        (Some(_), Some(_)) => false,
    }
}

/// Returns true if a browser sends `request`, which may change data, on behalf of a page of another origin.
///
/// GET, HEAD, OPTIONS and TRACE change nothing. Clients other than browsers send neither `Origin` nor
/// `Sec-Fetch-Site`. An `Origin` is the server's own if its host and port equal those of the request.
#[must_use]
pub fn is_cross_origin_write<B>(request: &Request<B>) -> bool {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE) {
        return false;
    }
    let headers = request.headers();
    let mut sites = headers.get_all(&SEC_FETCH_SITE).iter();
    if sites.any(|site| !matches!(site.as_bytes(), b"same-origin" | b"none")) {
        return true;
    }
    let mut origins = headers.get_all(ORIGIN).iter().peekable();
    if origins.peek().is_none() {
        return false;
    }
    let own = own_authority(request.uri().authority().map(http::uri::Authority::as_str), headers);
    !origins.all(|origin| origin.to_str().is_ok_and(|origin| is_own(origin, own)))
}

/// Returns host and port of a request. A target with an authority takes precedence over the header.
fn own_authority<'a>(target: Option<&'a str>, headers: &'a HeaderMap) -> Option<(&'a str, Option<u16>)> {
    authority(target.or_else(|| headers.get(HOST)?.to_str().ok())?)
}

/// Whether `origin` (`http://host:port`) is that of a page which the server at `own` served, over TLS perhaps.
fn is_own(origin: &str, own: Option<(&str, Option<u16>)>) -> bool {
    let (Some((scheme, rest)), Some((own_host, own_port))) = (origin.split_once("://"), own) else {
        return false;
    };
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    authority(rest).is_some_and(|(host, port)| {
        !host.is_empty()
            && host.eq_ignore_ascii_case(own_host)
            && port.unwrap_or(default) == own_port.unwrap_or(default)
    })
}

/// Splits `host[:port]` of a Host header; `None` if it is invalid. The host may be empty.
fn authority(text: &str) -> Option<(&str, Option<u16>)> {
    let host_length = match text.strip_prefix('[') {
        Some(bracketed) => bracketed.find(']')? + 2,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, port) = text.split_at(host_length);
    let valid = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&b)),
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        Some("") => None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
        _ => return None,
    };
    valid.then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, version: Version, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().method(method).uri("/v1/metadata/1").version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn http1_requires_exactly_one_valid_host() {
        for (host, valid) in [
            ("127.0.0.1:8081", true),
            ("Movies.Example", true),
            ("movies.example:", true),
            ("[::1]:8081", true),
            ("[::1]", true),
            ("", true),
            ("a b", false),
            ("user@host", false),
            ("host/path", false),
            ("host:port", false),
            ("host:65536", false),
            ("host:+80", false),
            ("::1", false),
            ("[::1", false),
            ("[::1]8081", false),
            ("[host]:80", false),
            ("a:80, b:80", false),
        ] {
            let given = request("GET", Version::HTTP_11, &[("host", host)]);
            assert_eq!(has_valid_host(&given), valid, "{host:?}");
        }
        for (version, hosts, valid) in [
            (Version::HTTP_11, &[][..], false),
            (Version::HTTP_11, &["a", "a"], false),
            (Version::HTTP_10, &[], true),
            (Version::HTTP_10, &["a b"], false),
            (Version::HTTP_10, &["a", "b"], false),
            (Version::HTTP_2, &[], true),
        ] {
            let headers: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
            assert_eq!(has_valid_host(&request("GET", version, &headers)), valid, "{version:?} {hosts:?}");
        }
    }

    #[test]
    fn write_with_any_sign_of_another_origin_is_rejected() {
        // The origin, the requested host, and whether they are equal.
        let origins = [
            (None, "127.0.0.1:8081", true),
            (Some("http://127.0.0.1:8081"), "127.0.0.1:8081", true),
            (Some("http://LocalHost:8081"), "localhost:8081", true),
            (Some("http://movies.example"), "movies.example:80", true),
            (Some("http://movies.example:80"), "movies.example", true),
            (Some("https://movies.example"), "movies.example", true),
            (Some("https://movies.example"), "movies.example:443", true),
            (Some("http://[::1]:8081"), "[::1]:8081", true),
            (Some("https://movies.example"), "movies.example:80", false),
            (Some("http://127.0.0.1:3000"), "127.0.0.1:8081", false),
            (Some("http://127.0.0.1"), "127.0.0.1:8081", false),
            (Some("http://localhost:8081"), "127.0.0.1:8081", false),
            (Some("http://evil.example"), "movies.example", false),
            (Some("http://movies.example.evil.example"), "movies.example", false),
            (Some("http://movies.example@evil.example"), "movies.example", false),
            (Some("null"), "127.0.0.1:8081", false),
            (Some(""), "127.0.0.1:8081", false),
            (Some("http://"), "", false),
            (Some("chrome-extension://movies.example"), "movies.example", false),
        ];
        let sites = [
            (None, true),
            (Some("same-origin"), true),
            (Some("none"), true),
            (Some("same-site"), false),
            (Some("cross-site"), false),
            (Some("what comes later"), false),
        ];
        for (origin, host, own_origin) in origins {
            for (site, own_site) in sites {
                let mut headers = vec![("host", host)];
                headers.extend(origin.map(|origin| ("origin", origin)));
                headers.extend(site.map(|site| ("sec-fetch-site", site)));
                for (method, writes) in [
                    ("GET", false),
                    ("HEAD", false),
                    ("OPTIONS", false),
                    ("TRACE", false),
                    ("POST", true),
                    ("PUT", true),
                    ("DELETE", true),
                    ("PATCH", true),
                    ("ANY", true),
                ] {
                    let request = request(method, Version::HTTP_11, &headers);
                    let refused = writes && !(own_origin && own_site);
                    assert_eq!(is_cross_origin_write(&request), refused, "{method} {headers:?}");
                }
            }
        }
    }

    #[test]
    fn every_origin_must_be_the_servers_own() {
        let (own, foreign) = (("origin", "http://a"), ("origin", "http://b"));
        for (headers, refused) in [([own, own], false), ([own, foreign], true), ([foreign, own], true)] {
            let headers = [&[("host", "a")], &headers[..]].concat();
            assert_eq!(is_cross_origin_write(&request("PUT", Version::HTTP_11, &headers)), refused);
        }
    }

    #[test]
    fn authority_of_target_takes_precedence_over_host_header() {
        let mut request =
            request("PUT", Version::HTTP_2, &[("host", "evil.example"), ("origin", "http://a:1")]);
        *request.uri_mut() = "http://a:1/v1/metadata/1".parse().unwrap();
        assert!(!is_cross_origin_write(&request));
        request.headers_mut().insert(ORIGIN, http::HeaderValue::from_static("http://evil.example"));
        assert!(is_cross_origin_write(&request));
    }
}
