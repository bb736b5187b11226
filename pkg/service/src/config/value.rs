//! Parsers of single arguments; each error states what is accepted.

use crate::problem::chain;
use ::flags::whole;
use discovery::consul;
use std::net::SocketAddr;
use tracing_subscriber::EnvFilter;

/// Parses an IP address and a port.
///
/// # Errors
///
/// A text that states what is accepted.
pub fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "expected an IP address and a port, such as 127.0.0.1:8081 or [::1]:8081".to_owned())
}

/// Parses a number of worker threads.
///
/// # Errors
///
/// A text that states what is accepted.
pub fn workers(text: &str) -> Result<usize, String> {
    whole(1..=1024)(text)
}

/// Parses Consul's address.
///
/// # Errors
///
/// A text that states what is accepted.
pub fn consul(text: &str) -> Result<String, String> {
    let config = consul::Config { url: text.to_owned(), ..consul::Config::default() };
    consul::Registry::new(config).map(|_| text.to_owned()).map_err(|error| chain(&error))
}

/// Parses a filter of the log.
///
/// # Errors
///
/// A text that states what is accepted.
pub fn filter(text: &str) -> Result<String, String> {
    EnvFilter::builder().parse(text).map(|_| text.to_owned()).map_err(|error| {
        format!("expected a level (error, warn, info, debug, trace, off) or target=level pairs: {error}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_log_filter_is_rejected() {
        assert!(filter("info,metadata=debug").is_ok());
        assert!(filter("metadata=loud").unwrap_err().contains("target=level"));
    }

    #[test]
    fn invalid_address_of_consul_is_rejected() {
        for text in ["http://127.0.0.1:8500", "consul:8500", "unix:///run/consul.sock"] {
            assert_eq!(consul(text).as_deref(), Ok(text));
        }
        for text in ["", "ftp://x", "http://", "http://host:99999", "http://a b"] {
            assert!(consul(text).unwrap_err().contains("http://HOST:PORT"), "{text}");
        }
    }
}
