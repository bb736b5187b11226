//! Which requests are the page's own. The console's buttons are a remote control: a page of another origin must not
//! press them, neither by a form or a script, nor by a name that it resolves to this machine (DNS rebinding).

use http::{HeaderMap, Uri, header};
use std::net::{IpAddr, SocketAddr};
use subtle::ConstantTimeEq;

/// The header of the token.
const TOKEN: &str = "x-console-token";

/// The console's own address, as browsers name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    listen: SocketAddr,
}

impl Origin {
    /// Creates the check for a page at `listen`.
    pub(crate) fn new(listen: SocketAddr) -> Self {
        Self { listen }
    }

    /// Returns why a request is rejected, if it is.
    pub(crate) fn refusal(&self, uri: &Uri, headers: &HeaderMap) -> Option<String> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().map(|host| host.to_str().unwrap_or_default());
        let authority = uri.authority().map(|authority| authority.as_str());
        let known = match (authority, host) {
            (None, None) => false,
            (authority, host) => authority.into_iter().chain(host).all(|host| self.is_own(host)),
        };
        if !known || hosts.next().is_some() {
            return Some(format!(
                "host \"{}\" is not this console: open http://{}/ or http://localhost:{}/",
                authority.or(host).unwrap_or_default(),
                self.listen,
                self.listen.port()
            ));
        }
        let foreign = |origin: &http::HeaderValue| {
            let own = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
            // The page of one name of this console is not that of another.
            own.is_none_or(|own| Some(own) != authority.or(host))
        };
        if headers.get_all(header::ORIGIN).iter().any(foreign) {
            return Some("requests of other origins are rejected".to_owned());
        }
        None
    }

    /// Returns true if a browser reports that another site caused the request.
    pub(crate) fn is_cross_site(headers: &HeaderMap) -> bool {
        headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
    }

    /// Returns true if `host` is a name of this console. Names other than `localhost` could be anyone's; addresses can
    /// not be rebound, so that on a wildcard address each is accepted.
    fn is_own(&self, host: &str) -> bool {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, port.parse().ok()),
            _ => (host, Some(80)),
        };
        if port != Some(self.listen.port()) {
            return false;
        }
        if name.eq_ignore_ascii_case("localhost") {
            return true;
        }
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let address: Option<IpAddr> = match bare {
            Some(bare) => bare.parse().ok().filter(IpAddr::is_ipv6),
            None => name.parse().ok().filter(IpAddr::is_ipv4),
        };
        address.is_some_and(|address| {
            self.listen.ip().is_unspecified()
                || address == self.listen.ip()
                || address.to_string() == "127.0.0.1"
                || address.to_string() == "::1"
        })
    }
}

/// The token of this start, which only its page knows.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    /// Creates a random token.
    pub(crate) fn random() -> Self {
        Self(format!("{:032x}", rand::random::<u128>()))
    }

    /// Returns the token for the page.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if the headers carry the token, compared in constant time.
    pub(crate) fn is_in(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get(TOKEN).map_or(&[][..], |sent| sent.as_bytes());
        self.0.as_bytes().ct_eq(sent).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(listen: &str, pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        pairs.iter().for_each(|(name, value)| _ = headers.append(*name, value.parse().unwrap()));
        Origin::new(listen.parse().unwrap()).refusal(&Uri::from_static("/"), &headers).is_some()
    }

    #[test]
    fn host_must_name_this_console_and_its_port() {
        for host in ["127.0.0.1:8080", "localhost:8080", "LocalHost:8080", "[::1]:8080"] {
            assert!(!refused("127.0.0.1:8080", &[("host", host)]), "{host}");
        }
        for host in [
            "",
            "127.0.0.1",
            "127.0.0.1:80",
            "127.0.0.1:8081",
            "localhost",
            "evil.example:8080",
            "localhost.evil.example:8080",
            "127.0.0.1.evil.example:8080",
            "127.0.0.1:8080.evil.example",
            "192.0.2.1:8080",
            "[::1]",
            "::1:8080",
            "[127.0.0.1]:8080",
            "user@127.0.0.1:8080",
            "127.0.0.1:08080x",
        ] {
            assert!(refused("127.0.0.1:8080", &[("host", host)]), "{host}");
        }
        assert!(refused("127.0.0.1:8080", &[]));
        assert!(refused("127.0.0.1:8080", &[("host", "127.0.0.1:8080"), ("host", "127.0.0.1:8080")]));
    }

    #[test]
    fn listen_address_is_accepted_and_on_wildcard_every_address() {
        assert!(!refused("192.0.2.1:8080", &[("host", "192.0.2.1:8080")]));
        assert!(!refused("0.0.0.0:8080", &[("host", "192.0.2.7:8080")]));
        assert!(!refused("[::]:80", &[("host", "[2001:db8::1]")]));
        assert!(refused("0.0.0.0:8080", &[("host", "rebound.example:8080")]));
    }

    #[test]
    fn origin_must_be_that_of_the_page() {
        let host = ("host", "localhost:8080");
        assert!(!refused("127.0.0.1:8080", &[host, ("origin", "http://localhost:8080")]));
        for origin in [
            "null",
            "http://127.0.0.1:8080",
            "http://localhost:8081",
            "https://localhost:8080",
            "http://evil.example",
            "http://localhost:8080.evil.example",
            "localhost:8080",
        ] {
            assert!(refused("127.0.0.1:8080", &[host, ("origin", origin)]), "{origin}");
        }
    }

    #[test]
    fn only_the_token_of_this_start_is_accepted() {
        let (token, other) = (Token::random(), Token::random());
        let with = |text: &str| {
            HeaderMap::from_iter([(http::HeaderName::from_static(TOKEN), text.parse().unwrap())])
        };
        assert!(token.is_in(&with(token.as_str())));
        for wrong in [other.as_str(), "", &token.as_str()[1..], &format!("{}0", token.as_str())] {
            assert!(!token.is_in(&with(wrong)), "{wrong}");
        }
        assert!(!token.is_in(&HeaderMap::new()));
    }
}
