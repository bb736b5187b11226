//! Parsers of single arguments; each error states what is accepted.

use crate::problem::chain;
use ::flags::{shown, whole};
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
    consul::Registry::new(config).map(|_| text.to_owned()).map_err(|error| without_secrets(text, &error))
}

/// Returns the text of an error about `value`, which it may repeat.
pub(super) fn without_secrets(value: &str, error: &(dyn std::error::Error + 'static)) -> String {
    chain(error).replace(value, &shown(value))
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

/// Parses a share.
///
/// # Errors
///
/// A text that states what is accepted.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a number from 0 to 1, such as 0.01".to_owned())
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
    fn share_is_between_0_and_1() {
        assert_eq!(["0", "1", "0.01"].map(share), [Ok(0.0), Ok(1.0), Ok(0.01)]);
        for text in ["", "-0.1", "1.1", "NaN", "inf", "1 %"] {
            assert!(share(text).unwrap_err().contains("0 to 1"), "{text}");
        }
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
