//! What spans and log records have in common: the sender, ids and times.

use super::attributes::text;
use crate::text::shortened;
use crate::time::SECOND;
use crate::traces::span::Resource;
use opentelemetry_proto::tonic::resource::v1 as otlp;

/// The maximum size of the name of a service or an instance, in bytes.
const MAX_NAME: usize = 128;

/// The name that the semantic conventions give to a service without one.
const UNKNOWN: &str = "unknown_service";

/// How far a time may be in the past and in the future.
const PAST: u64 = 24 * 3600 * SECOND;
const FUTURE: u64 = 3600 * SECOND;

/// Returns the sender of spans or records.
pub(super) fn resource(resource: Option<&otlp::Resource>) -> Resource {
    let value = |name: &str| {
        let attribute = resource?.attributes.iter().find(|attribute| attribute.key == name)?;
        let value = text(attribute.value.as_ref());
        let value = shortened(&value, MAX_NAME);
        (!value.is_empty()).then(|| value.to_owned())
    };
    Resource {
        service: value("service.name").as_deref().unwrap_or(UNKNOWN).into(),
        instance: value("service.instance.id").map(String::into_boxed_str),
    }
}

/// Returns the id of a trace; `None` if its length is wrong or it is zero.
pub(super) fn trace_id(bytes: &[u8]) -> Option<u128> {
    bytes.try_into().ok().map(u128::from_be_bytes).filter(|id| *id != 0)
}

/// Returns the id of a span; `None` if its length is wrong or it is zero.
pub(super) fn span_id(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes).filter(|id| *id != 0)
}

/// Returns a time in nanoseconds since 1970 unless it is far from `now`.
pub(super) fn timely(time: u64, now: u64) -> Option<u64> {
    (now.saturating_sub(PAST)..=now.saturating_add(FUTURE)).contains(&time).then_some(time)
}
