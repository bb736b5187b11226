//! The identity of the request, in the lines that belong to one: `service`, `trace_id`, `span_id` and `request_id`.

use std::fmt::{self, Write as _};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Adds the identity of the current request to the lines of another format.
pub(super) struct WithRequest<F> {
    inner: F,
    is_json: bool,
}

impl<F> WithRequest<F> {
    /// Wraps a format for people.
    pub(super) const fn text(inner: F) -> Self {
        Self { inner, is_json: false }
    }

    /// Wraps a format whose lines are JSON objects.
    pub(super) const fn json(inner: F) -> Self {
        Self { inner, is_json: true }
    }
}

impl<S, N, F> FormatEvent<S, N> for WithRequest<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let identity = identity(event, self.is_json);
        if identity.is_empty() {
            return self.inner.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        let line = line.trim_end_matches('\n');
        match line.strip_suffix('}') {
            Some(start) if self.is_json => writeln!(writer, "{start}{identity}}}"),
            _ => writeln!(writer, "{line}{identity}"),
        }
    }
}

/// Returns the fields of the current request that `event` does not have itself, each after a separator.
fn identity(event: &Event<'_>, is_json: bool) -> String {
    let mut fields = String::new();
    let mut add = |name: &str, value: &dyn fmt::Display| {
        if event.metadata().fields().field(name).is_some() {
            return;
        }
        // Writing to a string cannot fail.
        _ = if is_json {
            // The id of a request may contain quotes.
            write!(fields, ",\"{name}\":{}", serde_json::Value::from(value.to_string()))
        } else {
            write!(fields, " {name}={value}")
        };
    };
    let request = trace::request_id();
    if let (Some(_), Some(service)) = (&request, trace::current_service()) {
        add("service", &service);
    }
    if let Some((trace, span)) = trace::current_ids() {
        add("trace_id", &format_args!("{trace:032x}"));
        add("span_id", &format_args!("{span:016x}"));
    }
    if let Some(request) = request {
        add("request_id", &request);
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue};
    use serde_json::{Value, json};
    use std::io;
    use std::sync::{Arc, Mutex};
    use trace::{REQUEST_ID, RequestScope, SpanKind, Tracer};
    use tracing_subscriber::fmt;
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Lines {
        fn take(&self) -> String {
            String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
        }
    }

    /// Returns what `log` writes as text and as JSON.
    fn written(log: impl Fn()) -> (String, Value) {
        let lines = Lines::default();
        let layer = || {
            let lines = lines.clone();
            fmt::layer().with_writer(move || lines.clone())
        };
        let text = layer().with_ansi(false).map_event_format(WithRequest::text);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(text), &log);
        let text = lines.take();
        let json = layer().json().map_event_format(|format| WithRequest::json(format.flatten_event(true)));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(json), &log);
        let json = lines.take();
        assert_eq!((text.matches('\n').count(), json.matches('\n').count()), (1, 1), "{text}{json}");
        (text, serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}")))
    }

    fn scope(id: &str) -> RequestScope {
        let id = HeaderValue::from_str(id).unwrap();
        RequestScope::new(&HeaderMap::from_iter([(REQUEST_ID.clone(), id)]), None)
    }

    #[test]
    fn line_outside_of_requests_has_no_identity() {
        let (text, json) = written(|| tracing::info!(size = 3, "hello"));
        assert!(text.ends_with("hello size=3\n"), "{text}");
        for field in ["service", "trace_id", "span_id", "request_id"] {
            assert!(json.get(field).is_none(), "{json}");
        }
    }

    #[tokio::test]
    async fn line_of_request_has_its_identity() {
        let endpoint = Some("http://127.0.0.1:9".to_owned());
        let tracer = Tracer::start(&trace::Config { endpoint, ratio: 1.0, ..Default::default() }, "small");
        let span = tracer.enter("GET", SpanKind::Server, None);
        let ids = span.enter(trace::current_ids).unwrap();
        let (trace_id, span_id) = (format!("{:032x}", ids.0), format!("{:016x}", ids.1));
        let (text, json) = tracer
            .owner("small")
            .enter(|| scope("a-1").enter(|| span.enter(|| written(|| tracing::warn!(size = 3, "hello")))));
        let end =
            format!("hello size=3 service=small trace_id={trace_id} span_id={span_id} request_id=a-1\n");
        assert!(text.ends_with(&end), "{text}");
        let expected = json!({
            "message": "hello", "size": 3, "service": "small", "trace_id": trace_id, "span_id": span_id,
            "request_id": "a-1",
        });
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(&json[field], value, "{json}");
        }
    }

    #[test]
    fn fields_of_the_event_are_kept_and_not_repeated() {
        let log = || tracing::info!(request_id = "own", service = "called", "hello");
        let (text, json) = scope("a-1").enter(|| written(log));
        assert_eq!((text.matches("request_id=").count(), text.matches("service=").count()), (1, 1), "{text}");
        assert_eq!((&json["request_id"], &json["service"]), (&json!("own"), &json!("called")));
    }

    #[test]
    fn id_can_not_break_out_of_its_field() {
        let id = r#"x","level":"ERROR","y":"\u000a\"#;
        let (text, json) = scope(id).enter(|| written(|| tracing::info!("hello")));
        assert_eq!((&json["request_id"], &json["level"]), (&json!(id), &json!("INFO")));
        assert!(text.contains(" INFO "), "{text}");
    }

    #[test]
    fn message_that_ends_like_an_object_is_kept() {
        let (text, json) = scope("a-1").enter(|| written(|| tracing::info!("{{}}")));
        assert!(text.ends_with("{} request_id=a-1\n"), "{text}");
        assert_eq!((&json["message"], &json["request_id"]), (&json!("{}"), &json!("a-1")));
    }
}
