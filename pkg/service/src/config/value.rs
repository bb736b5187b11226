//! Parsers of single arguments; each error states what is accepted.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// A host, by name or IP address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Host name or IP address, without brackets.
    pub host: String,
    /// TCP port, never 0.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self { host: address.ip().to_string(), port: address.port() }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        address(text)
    }
}

/// Parses a duration of whole units: `500ms`, `2s`, `1m`.
///
/// # Errors
///
/// A text that states what is accepted.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "expected a duration such as 500ms, 2s or 1m".to_owned())
}

pub(super) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("expected a duration above 0, such as 500ms, 2s or 1m".to_owned()),
        duration => Ok(duration),
    }
}

pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "expected an IP address and a port, such as 127.0.0.1:8081 or [::1]:8081".to_owned())
}

pub(super) fn address(text: &str) -> Result<Address, String> {
    let expected = || "expected a host and a port above 0, such as 10.0.0.7:8081".to_owned();
    let (host, port) = text.rsplit_once(':').ok_or_else(expected)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let well_formed = match bare {
        Some(ip) => ip.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)),
    };
    match port.parse() {
        Ok(port @ 1..) if well_formed => Ok(Address { host: bare.unwrap_or(host).to_owned(), port }),
        _ => Err(expected()),
    }
}

pub(super) fn workers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(workers @ 1..=1024) => Ok(workers),
        _ => Err("expected a whole number from 1 to 1024".to_owned()),
    }
}

pub(super) fn filter(text: &str) -> Result<String, String> {
    EnvFilter::builder().parse(text).map(|_| text.to_owned()).map_err(|error| {
        format!("expected a level (error, warn, info, debug, trace, off) or target=level pairs: {error}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed_in_documented_units() {
        for (text, expected) in [
            ("0s", Duration::ZERO),
            ("500ms", Duration::from_millis(500)),
            ("2s", Duration::from_secs(2)),
            ("1m", Duration::from_secs(60)),
        ] {
            assert_eq!(duration(text), Ok(expected), "{text}");
        }
        for text in ["", "2", "-1s", "2 parsecs", "99999999999999999999s"] {
            assert!(duration(text).unwrap_err().contains("500ms, 2s or 1m"), "{text}");
        }
        assert!(positive_duration("0ms").is_err());
    }

    #[test]
    fn addresses_require_host_and_nonzero_port() {
        for (text, host, port) in
            [("metadata:8081", "metadata", 8081), ("10.0.0.7:1", "10.0.0.7", 1), ("[::1]:80", "::1", 80)]
        {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.host.as_str(), address.port), (host, port));
            assert_eq!(address.to_string(), text);
        }
        for text in ["", "host", ":80", "host:0", "host:65536", "::1:80", "[]:80", "http://host:80", "a b:80"]
        {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn invalid_log_filter_is_rejected() {
        assert!(filter("info,metadata=debug").is_ok());
        assert!(filter("metadata=loud").unwrap_err().contains("target=level"));
    }
}
