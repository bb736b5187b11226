//! The configuration of traces: OpenTelemetry's standard variables, each with a flag.

use clap::{Args, ValueEnum};
use http::Uri;

/// The arguments of traces. Without an endpoint there are none.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub struct Config {
    /// The OTLP/gRPC endpoint that traces and logs are sent to, such as http://127.0.0.1:4317; none if absent
    #[arg(long = "otlp-endpoint", help_heading = "Traces", env = "OTEL_EXPORTER_OTLP_ENDPOINT",
          hide_env_values = true, value_name = "URL", value_parser = endpoint)]
    pub endpoint: Option<String>,

    /// Which requests are sampled; parentbased_* follow the decision of a caller that sends a traceparent
    #[arg(
        long = "trace-sampler",
        help_heading = "Traces",
        env = "OTEL_TRACES_SAMPLER",
        value_enum,
        value_name = "SAMPLER",
        default_value = "parentbased_always_on"
    )]
    pub sampler: Sampler,

    /// The share of requests that *traceidratio samples, from 0 to 1
    #[arg(long = "trace-ratio", help_heading = "Traces", env = "OTEL_TRACES_SAMPLER_ARG", value_name = "RATIO",
          default_value = "1", value_parser = ratio)]
    pub ratio: f64,

    /// How many requests a second are sampled because their caller asks for it
    #[arg(
        long = "trace-max-rate",
        help_heading = "Traces",
        env = "TRACE_MAX_RATE",
        value_name = "N",
        default_value = "100"
    )]
    pub max_rate: u32,

    /// The service's name in traces [default: its name in the registry]
    #[arg(long = "trace-service", help_heading = "Traces", env = "OTEL_SERVICE_NAME", value_name = "NAME")]
    pub service: Option<String>,

    /// Turns traces off (true or false)
    #[arg(long = "trace-disabled", env = "OTEL_SDK_DISABLED", value_name = "BOOL", default_value = "false",
          value_parser = flag, hide = true)]
    pub disabled: bool,
}

/// A sampler, by the name that OpenTelemetry's specification gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Sampler {
    /// Every request
    AlwaysOn,
    /// No request
    AlwaysOff,
    /// A share of the requests
    #[value(name = "traceidratio")]
    TraceIdRatio,
    /// As the caller decided, otherwise every request
    #[default]
    #[value(name = "parentbased_always_on")]
    ParentBasedAlwaysOn,
    /// As the caller decided, otherwise no request
    #[value(name = "parentbased_always_off")]
    ParentBasedAlwaysOff,
    /// As the caller decided, otherwise a share of the requests
    #[value(name = "parentbased_traceidratio")]
    ParentBasedTraceIdRatio,
}

impl Sampler {
    /// Returns whether the decision of a caller is followed.
    pub(crate) const fn follows_parents(self) -> bool {
        matches!(self, Self::ParentBasedAlwaysOn | Self::ParentBasedAlwaysOff | Self::ParentBasedTraceIdRatio)
    }
}

impl Config {
    /// Returns the endpoint, unless traces are turned off.
    pub(crate) fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref().filter(|endpoint| !endpoint.is_empty() && !self.disabled)
    }
}

/// By OpenTelemetry's specification, an empty variable is like none.
fn endpoint(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let rule = "expected http://HOST:PORT; for TLS, run an OpenTelemetry Collector beside the service";
    let uri: Uri = text.parse().map_err(|_| rule.to_owned())?;
    // Secrets belong into OTEL_EXPORTER_OTLP_HEADERS, which nothing shows.
    let is_place = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    let is_plain = uri.scheme_str() == Some("http") && is_place && uri.path() == "/";
    if is_plain && uri.query().is_none() { Ok(text.to_owned()) } else { Err(rule.to_owned()) }
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| "expected a number from 0 to 1, such as 0.01".to_owned())
}

/// OpenTelemetry's specification compares with `true`, whatever its case.
fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" | "" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_is_a_plain_address() {
        for text in ["http://127.0.0.1:4317", "http://collector:4317/", "http://[::1]:4317", ""] {
            assert_eq!(endpoint(text).as_deref(), Ok(text));
        }
        for text in [
            "collector:4317",
            "https://collector:4317",
            "http://",
            "http://a b",
            "http://a/v1/traces",
            "http://me:x@a",
        ] {
            assert!(endpoint(text).unwrap_err().contains("http://HOST:PORT"), "{text}");
        }
    }

    #[test]
    fn ratio_is_between_0_and_1() {
        for text in ["0", "1", "0.01", "1e-3"] {
            assert!(ratio(text).is_ok(), "{text}");
        }
        for text in ["", "-0.1", "1.1", "NaN", "inf", "1 %"] {
            assert!(ratio(text).is_err(), "{text}");
        }
    }

    #[test]
    fn traces_are_disabled_by_true_in_any_case() {
        assert_eq!(["true", "TRUE", "false", ""].map(flag), [Ok(true), Ok(true), Ok(false), Ok(false)]);
        assert!(flag("1").is_err());
    }
}
