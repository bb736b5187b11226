//! Spans and log records that arrive over OTLP.

use crate::rig::{attribute, json, now, span, spans_of, start};
use http::Method;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use tonic::codec::CompressionEncoding::Gzip;

#[tokio::test]
async fn trace_of_two_services_is_listed_and_shown_with_its_logs() {
    let rig = start().await;
    rig.export("rating", vec![span(7, 2, Some(1), "rating.v1.RatingService/GetAggregatedRating")]).await;
    rig.export("movie", vec![span(7, 1, None, "GET /v1/movies/{id}")]).await;
    let record = LogRecord {
        time_unix_nano: now(),
        severity_number: 17,
        body: Some(AnyValue { value: Some(StringValue("no instance".to_owned())) }),
        attributes: vec![attribute("attempt", "2")],
        trace_id: 7_u128.to_be_bytes().to_vec(),
        span_id: 2_u64.to_be_bytes().to_vec(),
        ..LogRecord::default()
    };
    rig.export_logs("rating", vec![record]).await;

    let list = rig
        .get("/api/traces?service=rating&route=GET+%2Fv1%2Fmovies%2F%7Bid%7D&text=MOVIES&minDurationMs=4")
        .await;
    let listed = &list["traces"][0];
    assert_eq!(
        (&listed["name"], &listed["service"], &listed["statusCode"]),
        (&"GET /v1/movies/{id}".into(), &"movie".into(), &200.into())
    );
    assert_eq!((&listed["spans"], &listed["error"]), (&2.into(), &false.into()));
    assert_eq!(list["services"], serde_json::json!(["movie", "rating"]));
    let none = rig.get("/api/traces?minDurationMs=100000&order=slowest&status=ok&service=").await;
    assert_eq!((none["traces"].as_array().unwrap().len(), &none["stored"]), (0, &1.into()));

    let trace = rig.get(&format!("/api/traces/{:032x}", 7)).await;
    assert_eq!((trace["complete"].as_bool(), trace["spans"].as_array().unwrap().len()), (Some(true), 2));
    let log = &trace["logs"][0];
    assert_eq!(
        (&log["level"], &log["message"], &log["attributes"]["attempt"]),
        (&"error".into(), &"no instance".into(), &"2".into())
    );
    let logs = rig.get(&format!("/api/logs?traceId={:032x}&level=error&text=INSTANCE", 7)).await;
    assert_eq!(logs["logs"][0]["spanId"], "0000000000000002");
    assert_eq!(rig.get("/api/logs?service=movie").await["logs"].as_array().unwrap().len(), 0);

    let gone = rig.send(Method::GET, &format!("/api/traces/{:032x}", 8), &[], "").await;
    assert_eq!((gone.status().as_u16(), &json(&gone)["dropped"]), (404, &false.into()));
}

#[tokio::test]
async fn invalid_spans_are_counted_in_the_response_and_others_are_stored() {
    let rig = start().await;
    let mut huge = span(1, 1, None, "GET /");
    huge.attributes = (0..10_000).map(|n| attribute(&format!("k{n}"), "v")).collect();
    let mut short = span(1, 2, None, "GET /");
    short.trace_id.pop();
    let mut old = span(1, 3, None, "GET /");
    old.start_time_unix_nano = 1;
    let response = rig.export("movie", vec![huge, short, old]).await;
    let partial = response.partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 2);
    assert!(partial.error_message.contains("times"));
    let trace = rig.get(&format!("/api/traces/{:032x}", 1)).await;
    assert!(trace["spans"][0]["attributes"].as_object().unwrap().len() < 100);
    assert!(rig.export("movie", vec![span(2, 1, None, "GET /")]).await.partial_success.is_none());
}

#[tokio::test]
async fn compressed_exports_and_metrics_are_accepted_and_too_large_ones_rejected() {
    let rig = start().await;
    let url = format!("http://{}", rig.otlp);
    let mut traces = TraceServiceClient::connect(url.clone()).await.unwrap().send_compressed(Gzip);
    traces.export(spans_of("movie", vec![span(3, 1, None, "GET /")])).await.unwrap();
    assert_eq!(rig.get("/api/traces").await["stored"], 1);
    let mut large = span(4, 1, None, "GET /");
    large.name = "x".repeat(9 << 20);
    let refused = traces.export(spans_of("movie", vec![large])).await.unwrap_err();
    assert!(
        matches!(refused.code(), tonic::Code::OutOfRange | tonic::Code::ResourceExhausted),
        "{refused:?}"
    );
    let mut metrics = MetricsServiceClient::connect(url).await.unwrap();
    metrics.export(ExportMetricsServiceRequest::default()).await.unwrap();
    assert_eq!(rig.get("/api/traces").await["stored"], 1);
}
