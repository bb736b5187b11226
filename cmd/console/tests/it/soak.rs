//! 5,000 spans a second to the program: what it stores is bounded, it reports what it drops, and the map goes on.

use crate::rig::{PATIENCE, attribute, span, spans_of};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The spans of an export, the exports per second, and the seconds.
const SPANS: u64 = 500;
const EXPORTS: u64 = 10;
const SECONDS: u64 = 12;

/// The limit of the resident memory of the process, in bytes.
const MEMORY: u64 = 128 << 20;

/// A console in a process of its own. It is killed when it is dropped.
struct Process {
    child: Child,
    page: String,
    otlp: String,
}

impl Process {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_console"));
        command.args([
            "--listen",
            "127.0.0.1:0",
            "--otlp-listen",
            "127.0.0.1:0",
            "--consul",
            "http://127.0.0.1:1",
        ]);
        command.args(["--log-format", "json", "--log", "console=info"]);
        let mut child = command.env_remove("KAFKA_BROKERS").stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        Self { page: text("page"), otlp: text("otlp"), child }
    }

    /// Returns the peak of its resident memory in bytes.
    fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // If it has ended already, there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn export(number: u64) -> ExportTraceServiceRequest {
    let spans = |range: std::ops::Range<u64>, name: &str| {
        let traces = 0..SPANS / 5;
        let spans = traces.flat_map(|trace| {
            let trace = u128::from(number * SPANS + trace + 1);
            range.clone().map(move |id| span(trace, id, (id > 1).then(|| id - 1), name))
        });
        spans
            .map(|mut span| {
                for key in ["server.address", "server.port", "marquee.instance.id", "marquee.attempt.outcome"]
                {
                    span.attributes.push(attribute(key, "127.0.0.1"));
                }
                span.attributes.push(attribute(
                    "db.query.text",
                    "SELECT count, sum FROM aggregates WHERE record_id = $1",
                ));
                span
            })
            .collect()
    };
    let mut request = spans_of("movie", spans(1..4, "GET /v1/movies/{id}"));
    request.resource_spans.extend(spans_of("rating", spans(4..6, "GetAggregatedRating")).resource_spans);
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flood_of_spans_is_bounded_and_the_map_goes_on() {
    let process = Process::start();
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let get = async |path: &str| -> Value {
        let response = client.get(format!("{}{path}", process.page).parse().unwrap()).await.unwrap();
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    };
    let mut otlp = TraceServiceClient::connect(format!("http://{}", process.otlp)).await.unwrap();
    let sending = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(1_000 / EXPORTS));
        for number in 0..SECONDS * EXPORTS {
            ticks.tick().await;
            otlp.export(export(number)).await.unwrap();
        }
    });
    let (began, mut times) = (Instant::now(), vec![]);
    while !sending.is_finished() {
        assert!(began.elapsed() < PATIENCE * 3);
        times.extend(get("api/system").await["timeMs"].as_f64());
        get("api/traces?order=slowest&text=nothing").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    sending.await.unwrap();
    let seconds = began.elapsed().as_secs_f64();
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
    let traces = get("api/traces").await;
    let number = |value: &Value| value.as_u64().unwrap();
    let stored = number(&traces["stored"]);
    let dropped: u64 = traces["dropped"].as_object().unwrap().values().map(number).sum();
    println!(
        "{:.0} spans/s for {seconds:.0} s: {stored} traces stored, {dropped} dropped, at most {} MiB resident, \
         the map refreshed at least every {longest:.0} ms",
        (SPANS * EXPORTS * SECONDS) as f64 / seconds,
        process.peak() >> 20,
    );
    assert_eq!(stored + dropped, SPANS * EXPORTS * SECONDS / 5);
    assert!(dropped > 0 && process.peak() < MEMORY, "{dropped} {}", process.peak());
    assert!(longest < 3_000.0, "{longest}");
}
