//! Log records of OTLP, trimmed to the limits of the store. A record with a time far off is refused.

use super::attributes::{Attributes, text};
use super::resource::{resource, span_id, timely, trace_id};
use crate::logs::{Level, Record};
use crate::text::shortened;
use crate::traces::span::Resource;
use opentelemetry_proto::tonic::logs::v1 as otlp;
use std::sync::Arc;

/// The maximum sizes of a message and of a target, in bytes.
const MAX_MESSAGE: usize = 4 * 1024;
const MAX_TARGET: usize = 128;

/// Converts the records that arrived at `now`, and returns how many were refused.
pub(super) fn convert(resource_logs: Vec<otlp::ResourceLogs>, now: u64) -> (Vec<Record>, u64) {
    let (mut records, mut refused) = (Vec::new(), 0);
    for otlp::ResourceLogs { resource: sender, scope_logs, .. } in resource_logs {
        let sender = Arc::new(resource(sender.as_ref()));
        for otlp::ScopeLogs { scope, log_records, .. } in scope_logs {
            let scope = scope.as_ref().map_or("", |scope| shortened(&scope.name, MAX_TARGET));
            let scope: Arc<str> = scope.into();
            for record in &log_records {
                match record_of(record, &sender, &scope, now) {
                    Some(record) => records.push(record),
                    None => refused += 1,
                }
            }
        }
    }
    (records, refused)
}

fn record_of(
    record: &otlp::LogRecord,
    resource: &Arc<Resource>,
    scope: &Arc<str>,
    now: u64,
) -> Option<Record> {
    // A source without a clock of its own sends 0, and then the time at which the record was seen.
    let time = match record.time_unix_nano {
        0 => record.observed_time_unix_nano,
        time => time,
    };
    Some(Record {
        time: timely(time, now)?,
        level: level(record.severity_number, &record.severity_text),
        resource: Arc::clone(resource),
        message: shortened(&text(record.body.as_ref()), MAX_MESSAGE).into(),
        target: Arc::clone(scope),
        attributes: Attributes::new(record.dropped_attributes_count).add_all(&record.attributes).json(),
        trace: trace_id(&record.trace_id),
        span: span_id(&record.span_id),
    })
}

/// Returns the level of OTLP's severity; without a number, that of its text.
fn level(number: i32, text: &str) -> Level {
    match (number, text.to_ascii_uppercase().as_str()) {
        (17.., _) | (_, "ERROR" | "FATAL") => Level::Error,
        (13..=16, _) | (_, "WARN" | "WARNING") => Level::Warn,
        (1..=8, _) | (_, "DEBUG" | "TRACE") => Level::Debug,
        _ => Level::Info,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope};

    fn converted(record: otlp::LogRecord, now: u64) -> (Vec<Record>, u64) {
        let scope = InstrumentationScope { name: "rating::writer".to_owned(), ..Default::default() };
        let scope_logs = vec![otlp::ScopeLogs {
            scope: Some(scope),
            log_records: vec![record],
            schema_url: String::new(),
        }];
        convert(vec![otlp::ResourceLogs { resource: None, scope_logs, schema_url: String::new() }], now)
    }

    #[test]
    fn record_keeps_level_target_and_ids() {
        let now = crate::time::now();
        let record = otlp::LogRecord {
            observed_time_unix_nano: now,
            severity_number: 13,
            body: Some(AnyValue { value: Some(Value::StringValue("slow".to_owned())) }),
            trace_id: vec![1; 16],
            span_id: vec![2; 7],
            ..Default::default()
        };
        let (records, refused) = converted(record, now);
        let [record] = &records[..] else { panic!("{records:?}") };
        assert_eq!((refused, record.time, record.level), (0, now, Level::Warn));
        assert_eq!((&*record.message, &*record.target), ("slow", "rating::writer"));
        assert_eq!((record.trace, record.span), (Some(u128::from_be_bytes([1; 16])), None));
    }

    #[test]
    fn record_with_time_far_off_is_refused() {
        let now = crate::time::now();
        let record = otlp::LogRecord { time_unix_nano: 1, ..Default::default() };
        assert_eq!(converted(record, now).1, 1);
    }

    #[test]
    fn level_is_read_from_number_or_text() {
        for (number, text, expected) in [
            (17, "", Level::Error),
            (24, "", Level::Error),
            (16, "", Level::Warn),
            (9, "", Level::Info),
            (5, "", Level::Debug),
            (1, "", Level::Debug),
            (0, "warn", Level::Warn),
            (0, "fatal", Level::Error),
            (0, "", Level::Info),
            (-5, "", Level::Info),
        ] {
            assert_eq!(level(number, text), expected, "{number} {text}");
        }
    }
}
