//! The spans of reads and batches, as an OTLP endpoint receives them. Time is real, as spans are exported.

use super::*;
use trace::testing::{ReceivedSpan, Receiver, listener, tracer};
use trace::{Origin, RequestId, RequestScope, SpanKind, Tracer};

const WITHIN: Duration = Duration::from_secs(5);

/// A service as [`Numbers`], which notes the id of the request that each call is made for.
#[derive(Default)]
struct Noting {
    numbers: Numbers,
    ids: Mutex<Vec<Option<String>>>,
}

impl Noting {
    async fn call(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Number>, Error> {
        self.ids.lock().unwrap().push(trace::known_request_id().map(|id| id.to_string()));
        self.numbers.call(ids, deadline).await
    }
}

impl Source for Noting {
    type Value = Number;
    const SERVICE: &'static str = "numbers";

    fn id(value: &Number) -> &RecordId {
        &value.id
    }

    async fn get(&self, id: &RecordId, deadline: Instant) -> Result<Option<Number>, Error> {
        Ok(self.call(std::slice::from_ref(id), deadline).await?.pop())
    }

    async fn batch_get(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Number>, Error> {
        self.call(ids, deadline).await
    }
}

fn noting() -> Arc<Coalescer<Noting>> {
    let [counts] = Counts::register(&mut Registry::default(), ["numbers"]);
    Coalescer::new(Noting::default(), PATIENCE, counts)
}

async fn start() -> (Tracer, Receiver) {
    let (listener, address) = listener().await.unwrap();
    let (receiver, _) = Receiver::start(listener);
    (tracer(address), receiver)
}

async fn end(tracer: &Tracer, receiver: &Receiver) -> Vec<ReceivedSpan> {
    tracer.shutdown(WITHIN).await;
    receiver.spans()
}

fn named(spans: &[ReceivedSpan], name: &str) -> Vec<ReceivedSpan> {
    spans.iter().filter(|span| span.name == name).cloned().collect()
}

#[tokio::test]
async fn batch_is_in_one_trace_and_linked_with_other_sampled_reads() {
    let (tracer, receiver) = start().await;
    let numbers = merged(Numbers::default());
    let requests = ["a", "b", "c"].map(|name| tracer.enter(name, SpanKind::Server, None));
    let [two, four, five, six] = [2, 4, 5, 6].map(id);
    let (first, second, third, unsampled) = tokio::join!(
        requests[0].run(numbers.read(&two, soon())),
        requests[1].run(numbers.read(&four, soon())),
        requests[2].run(numbers.read(&five, soon())),
        numbers.read(&six, soon()),
    );
    assert_eq!([first.unwrap(), second.unwrap(), third.unwrap()], [found(2), found(4), None]);
    assert_eq!(unsampled.unwrap(), found(6));
    drop(requests);
    let spans = end(&tracer, &receiver).await;
    let (reads, batches) = (named(&spans, "read numbers"), named(&spans, "coalesce numbers"));
    assert_eq!((spans.len(), reads.len(), batches.len()), (7, 3, 1), "{spans:#?}");
    let batch = &batches[0];
    assert_eq!(batch.attribute("marquee.batch.size").as_deref(), Some("4"));
    assert_eq!(batch.attribute("marquee.batch.sampled").as_deref(), Some("3"));
    let (parents, others): (Vec<_>, Vec<_>) = reads.iter().partition(|read| batch.is_child_of(read));
    assert_eq!((parents.len(), others.len()), (1, 2), "{spans:#?}");
    assert!(parents[0].links.is_empty());
    for other in others {
        assert!(batch.is_linked_to(other) && other.is_linked_to(batch), "{spans:#?}");
        assert_ne!(other.trace_id, batch.trace_id);
    }
}

#[tokio::test]
async fn parts_of_failed_batch_are_its_children() {
    let (tracer, receiver) = start().await;
    let numbers = merged(Numbers::default());
    let request = tracer.enter("request", SpanKind::Server, None);
    let ids = [id(2), id("poison"), id(3)];
    let results = request.run(read_all(&numbers, &ids)).await;
    assert!(results[0].is_ok() && results[1].is_err() && results[2].is_ok());
    drop(request);
    let spans = end(&tracer, &receiver).await;
    let batches = named(&spans, "coalesce numbers");
    let (parts, wholes): (Vec<_>, Vec<_>) =
        batches.iter().partition(|span| span.attribute("marquee.batch.part").is_some());
    let [whole] = wholes[..] else { panic!("{spans:#?}") };
    assert!(whole.has_failed());
    assert_eq!(whole.attribute("marquee.batch.size").as_deref(), Some("3"));
    assert_eq!(parts.len(), 3);
    assert!(parts.iter().all(|part| part.is_child_of(whole)));
    assert_eq!(parts.iter().filter(|part| part.has_failed()).count(), 1);
    let failed = named(&spans, "read numbers").iter().filter(|read| read.has_failed()).count();
    assert_eq!(failed, 1);
}

#[tokio::test]
async fn batch_of_suspect_id_is_marked() {
    let (tracer, receiver) = start().await;
    let numbers = merged(Numbers::default());
    let ids = [id(2), id("poison"), id(3)];
    assert!(read_all(&numbers, &ids).await[1].is_err());
    // Until then its reads get the remembered error.
    sleep(Duration::from_millis(1100)).await;
    let request = tracer.enter("request", SpanKind::Server, None);
    assert!(request.run(read_all(&numbers, &ids)).await[1].is_err());
    drop(request);
    let mut batches = named(&end(&tracer, &receiver).await, "coalesce numbers");
    batches.sort_by_key(|batch| batch.attribute("marquee.batch.size"));
    let text = |key| batches.iter().map(|batch| batch.attribute(key).unwrap_or_default()).collect::<Vec<_>>();
    assert_eq!(text("marquee.batch.size"), ["1", "2"]);
    assert_eq!(text("marquee.batch.suspect"), ["true", ""]);
    assert!(batches[0].has_failed() && !batches[1].has_failed());
}

#[tokio::test]
async fn call_for_one_request_has_its_id() {
    let numbers = noting();
    let given = |id: &'static str| RequestScope::of(RequestId::Given(http::HeaderValue::from_static(id)));
    let (two, four) = (id(2), id(4));
    assert!(given("a").run(numbers.read(&two, soon())).await.is_ok());
    let (first, second) = tokio::join!(
        given("b").run(numbers.read(&two, soon())),
        given("c").run(numbers.read(&four, soon())),
    );
    assert!(first.is_ok() && second.is_ok());
    assert!(numbers.read(&two, soon()).await.is_ok());
    assert_eq!(*numbers.source.ids.lock().unwrap(), [Some("a".to_owned()), None, None]);
}

#[tokio::test]
async fn unsampled_reads_have_no_spans() {
    let (tracer, receiver) = start().await;
    let numbers = merged(Numbers::default());
    assert!(read_all(&numbers, &[id(2), id("poison"), id(3)]).await[0].is_ok());
    assert!(end(&tracer, &receiver).await.is_empty());
}

#[test]
fn unsampled_read_takes_one_pointer_more_than_its_deadline_and_reply() {
    type Reply = oneshot::Sender<Result<Option<Number>, Error>>;
    let pointer = size_of::<usize>();
    assert_eq!(size_of::<Waiter<Number>>(), size_of::<Instant>() + size_of::<Reply>() + pointer);
    assert!(size_of::<Origin>() > pointer, "it need not be boxed");
    assert!(Reader::current(&Span::none()).is_none());
}
