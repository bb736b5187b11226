//! `--kafka-option`: any setting of librdkafka, checked while the command line is parsed.

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

/// The error for a setting that needs a feature which this build lacks.
const WITHOUT_TLS: &str =
    "this build has no TLS and no SCRAM: build it with the cargo feature kafka-tls (--features kafka-tls)";

/// Parses `KEY=VALUE`.
///
/// # Errors
///
/// A text that describes the error: the form, an unknown key, an invalid value, or a setting that needs the cargo
/// feature `kafka-tls` in a build without it.
pub fn option(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or("expected KEY=VALUE, such as security.protocol=SSL")?;
    if !cfg!(feature = "kafka-tls") && needs_openssl(key, value) {
        return Err(WITHOUT_TLS.to_owned());
    }
    // librdkafka itself checks keys and values.
    let refused = |error: KafkaError| match error {
        // Its text repeats the value, which may be secret.
        KafkaError::ClientConfig(_, reason, ..) if !value.is_empty() => reason.replace(value, "…"),
        error => error.to_string(),
    };
    ClientConfig::new().set(key, value).create_native_config().map_err(refused)?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Returns true for settings that librdkafka implements with OpenSSL. Without it, librdkafka rejects some of them
/// only when a client is created, long after the command line was parsed.
fn needs_openssl(key: &str, value: &str) -> bool {
    let value = value.trim().to_ascii_uppercase();
    match key {
        "security.protocol" => matches!(value.as_str(), "SSL" | "SASL_SSL"),
        "sasl.mechanisms" | "sasl.mechanism" => value.starts_with("SCRAM-") || value == "OAUTHBEARER",
        "enable.ssl.certificate.verification" => true,
        _ => key.starts_with("ssl.") || key.starts_with("ssl_") || key.starts_with("sasl.oauthbearer."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn option_must_be_a_librdkafka_setting() {
        assert_eq!(option("client.id=c=d"), Ok(("client.id".to_owned(), "c=d".to_owned())));
        assert!(option("security.protocol=sasl_plaintext").is_ok());
        assert!(option("sasl.mechanisms=PLAIN").is_ok());
        for refused in ["client.id", "=c", "no.such.setting=1", "linger.ms=soon"] {
            assert!(option(refused).is_err_and(|error| !error.contains("kafka-tls")), "{refused}");
        }
    }

    #[test]
    fn setting_that_needs_tls_is_accepted_or_names_the_feature() {
        for text in [
            "security.protocol=SASL_SSL",
            "security.protocol=ssl",
            "sasl.mechanisms=SCRAM-SHA-512",
            "sasl.mechanism=SCRAM-SHA-256",
            "ssl.ca.location=/etc/ssl/certs/ca-certificates.crt",
            "enable.ssl.certificate.verification=false",
        ] {
            let read = option(text);
            if cfg!(feature = "kafka-tls") {
                assert!(read.is_ok(), "{text}: {read:?}");
            } else {
                assert!(read.is_err_and(|error| error.contains("cargo feature kafka-tls")), "{text}");
            }
        }
    }
}
