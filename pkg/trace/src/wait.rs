//! Operations that wait in a queue for work that is done for several at once.

use crate::span::{Origin, Span, span};
use opentelemetry::trace::SpanKind;

/// The wait of the current operation in a queue. It is one pointer wide, and nothing is allocated if the operation is
/// not sampled. The wait ends when this is dropped.
#[derive(Debug, Default)]
pub struct Wait(Option<Box<Waiting>>);

#[derive(Debug)]
struct Waiting {
    operation: Origin,
    wait: Span,
}

impl Wait {
    /// Starts the wait, as a child of the current span.
    #[must_use]
    pub fn begin(name: &'static str) -> Self {
        let wait = span(name, SpanKind::Internal);
        Self(wait.is_recording().then(|| Box::new(Waiting { operation: Span::current(), wait })))
    }

    /// Ends the wait because `work` begins. The first sampled operation starts the span `name`, in its own trace; those
    /// of the others are linked with it in both directions.
    pub fn join(self, work: &mut Span, name: &'static str) {
        let Some(waiting) = self.0 else { return };
        let Waiting { operation, wait } = *waiting;
        if work.is_recording() {
            work.link(operation.context());
        } else {
            *work = operation.child(name, SpanKind::Internal);
        }
        wait.link(work.context());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn wait_of_unsampled_operation_is_one_empty_pointer() {
        let mut work = Span::none();
        let wait = Wait::begin("wait");
        assert!(wait.0.is_none() && size_of::<Wait>() == size_of::<usize>());
        wait.join(&mut work, "work");
        assert!(!work.is_recording());
    }
}
