//! A host and a port, and lists of brokers.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::str::FromStr;

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

/// Parses `HOST:PORT`.
///
/// # Errors
///
/// A text that states what is accepted.
pub fn address(text: &str) -> Result<Address, String> {
    let expected = || "expected a host and a port above 0, such as 10.0.0.7:8081".to_owned();
    let (host, port) = text.rsplit_once(':').ok_or_else(expected)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let well_formed = match bare {
        Some(ip) => ip.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)),
    };
    let port = if port.starts_with('+') { None } else { port.parse().ok() };
    match port {
        Some(port @ 1..) if well_formed => Ok(Address { host: bare.unwrap_or(host).to_owned(), port }),
        _ => Err(expected()),
    }
}

/// Parses the addresses of Kafka brokers, separated by commas and blanks; returns them separated by commas only.
///
/// # Errors
///
/// A text that names the invalid address and states what is accepted.
pub fn brokers(text: &str) -> Result<String, String> {
    let brokers: Vec<&str> = text.split(',').map(str::trim).collect();
    match brokers.iter().find(|broker| address(broker).is_err()) {
        None => Ok(brokers.join(",")),
        Some(wrong) => Err(format!(
            "expected brokers as HOST:PORT, separated by commas, such as kafka-1:9092,[::1]:9092, not '{wrong}'"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_require_host_and_nonzero_port() {
        for (text, host, port) in
            [("metadata:8081", "metadata", 8081), ("10.0.0.7:1", "10.0.0.7", 1), ("[::1]:80", "::1", 80)]
        {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.host.as_str(), address.port), (host, port));
            assert_eq!(address.to_string(), text);
        }
        for text in [
            "",
            "host",
            ":80",
            "host:0",
            "host:65536",
            "host:+80",
            "host:-1",
            "::1:80",
            "[]:80",
            "http://host:80",
            "a b:80",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn brokers_are_a_list_of_addresses() {
        for (text, parsed) in [
            ("127.0.0.1:9092", "127.0.0.1:9092"),
            ("kafka-1:9092,[::1]:9093", "kafka-1:9092,[::1]:9093"),
            (" a:1 ,\tb:2 ", "a:1,b:2"),
        ] {
            assert_eq!(brokers(text).as_deref(), Ok(parsed));
        }
        for (text, wrong) in [
            ("no-port-here", "no-port-here"),
            ("", ""),
            (" ", ""),
            (",", ""),
            ("a:1,", ""),
            ("a:1,,b:2", ""),
            ("a:1,b", "b"),
            ("a:1 b:2", "a:1 b:2"),
            ("a:1;b:2", "a:1;b:2"),
            ("a:0", "a:0"),
            ("a:99999", "a:99999"),
            ("::1:9092", "::1:9092"),
            ("ssl://a:9093", "ssl://a:9093"),
            ("-1", "-1"),
        ] {
            let error = brokers(text).unwrap_err();
            assert!(error.starts_with("expected brokers as HOST:PORT"), "{text}: {error}");
            assert!(error.ends_with(&format!("not '{wrong}'")), "{text}: {error}");
        }
    }
}
