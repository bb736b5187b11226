//! A dead letter.

use crate::ingester::chunk::Content;
use crate::ingester::decode::Rejected;
use crate::ingester::traced::TraceHeaders;

/// A record that cannot be applied, and why.
#[derive(Debug)]
pub(in crate::ingester) struct Letter<'a> {
    pub(in crate::ingester) partition: i32,
    pub(in crate::ingester) offset: i64,
    pub(in crate::ingester) content: Content<'a>,
    pub(in crate::ingester) trace: Option<TraceHeaders<'a>>,
    pub(in crate::ingester) reason: Rejected,
}
