//! Tests of counters between scrapes.

use super::*;

fn scrape(ok: u32, failed: u32, fast: u32, all: u32) -> Counters {
    Counters::read(&format!(
        "requests_total{{protocol=\"http\",route=\"/v1/movies/{{id}}\",status=\"200\"}} {ok}\n\
         requests_total{{protocol=\"http\",route=\"/v1/movies/{{id}}\",status=\"503\"}} {failed}\n\
         requests_total{{protocol=\"http\",route=\"/metrics\",status=\"200\"}} 1000\n\
         request_duration_seconds_bucket{{protocol=\"http\",route=\"/v1/movies/{{id}}\",le=\"0.01\"}} {fast}\n\
         request_duration_seconds_bucket{{protocol=\"http\",route=\"/v1/movies/{{id}}\",le=\"0.1\"}} {all}\n\
         request_duration_seconds_bucket{{protocol=\"http\",route=\"/v1/movies/{{id}}\",le=\"+Inf\"}} {all}\n"
    ))
}

fn only(flows: HashMap<Flow, Traffic>) -> Traffic {
    let flows: Vec<_> = flows.into_iter().collect();
    let [(Flow::Served { protocol, route }, traffic)] = &flows[..] else { panic!("{flows:?}") };
    assert_eq!((protocol.as_str(), route.as_str()), ("http", "/v1/movies/{id}"));
    traffic.clone()
}

#[test]
fn traffic_is_the_difference_of_two_scrapes() {
    let traffic = only(scrape(90, 30, 60, 110).since(Some(&scrape(10, 10, 10, 10))));
    assert_eq!((traffic.count, traffic.failed), (100.0, 20.0));
    assert_eq!(traffic.within, [(0.01, 50.0), (0.1, 100.0), (f64::INFINITY, 100.0)]);
    assert_eq!(traffic.quantile_ms(0.5), Some(10.0));
    assert!(traffic.quantile_ms(0.75).is_some_and(|time| (time - 55.0).abs() < 1e-9));
    assert_eq!(traffic.error_ratio(), Some(0.2));
}

#[test]
fn restarted_instance_counts_from_zero() {
    let traffic = only(scrape(5, 1, 3, 6).since(Some(&scrape(90, 30, 60, 110))));
    assert_eq!((traffic.count, traffic.failed), (6.0, 1.0));
    assert_eq!(traffic.within[0], (0.01, 3.0));
}

#[test]
fn quantile_beyond_the_last_bound_is_that_bound() {
    let within = vec![(0.1, 1.0), (f64::INFINITY, 10.0)];
    let traffic = Traffic { count: 10.0, failed: 0.0, within };
    assert_eq!(traffic.quantile_ms(0.99), Some(100.0));
}

#[test]
fn no_request_has_neither_quantile_nor_error_ratio() {
    let traffic = only(scrape(5, 1, 3, 6).since(Some(&scrape(5, 1, 3, 6))));
    assert_eq!((traffic.quantile_ms(0.5), traffic.error_ratio()), (None, None));
    assert_eq!(Traffic::default().quantile_ms(0.5), None);
}

#[test]
fn traffic_of_instances_is_added_by_bound() {
    let mut sum = Traffic { count: 1.0, failed: 1.0, within: vec![(0.1, 1.0), (1.0, 1.0)] };
    sum.add(&Traffic { count: 2.0, failed: 0.0, within: vec![(0.1, 1.0), (0.5, 1.0), (1.0, 2.0)] });
    assert_eq!(sum, Traffic { count: 3.0, failed: 1.0, within: vec![(0.1, 2.0), (0.5, 1.0), (1.0, 3.0)] });
}

#[test]
fn calls_ejections_and_the_database_are_read() {
    let counters = Counters::read(
        "client_requests_total{service=\"rating\",instance=\"rating-a\",outcome=\"ok\"} 8\n\
         client_requests_total{service=\"rating\",instance=\"rating-a\",outcome=\"late\"} 2\n\
         client_requests_total{service=\"rating\",instance=\"rating-a\",outcome=\"cancelled\"} 1\n\
         client_requests_total{service=\"rating\",instance=\"rating-a\",outcome=\"error\"} 4\n\
         client_instance_ejected{service=\"rating\",instance=\"rating-a\"} 1\n\
         client_instance_ejected{service=\"rating\",instance=\"rating-b\"} 0\n\
         process_resident_memory_bytes 1.5e7\ndb_file_bytes 1\ndb_pool_connections{state=\"idle\"} 1\nwrite_queue_writes 0\n",
    );
    let called = Flow::Called { service: "rating".into(), instance: "rating-a".into() };
    let traffic = &counters.since(None)[&called];
    assert_eq!((traffic.count, traffic.failed), (15.0, 2.0));
    assert_eq!(counters.ejected, ["rating-a"]);
    assert_eq!((counters.resident_bytes, counters.database), (Some(1.5e7), Some("sqlite")));
    assert_eq!(Counters::read("db_pool_connections 1").database, Some("postgresql"));
    assert_eq!(Counters::read("write_queue_writes 1\nwriter_queue 0").database, Some("memory"));
    assert_eq!(Counters::read("writer_queue 1").database, None);
}

#[test]
fn values_that_are_no_counts_are_ignored() {
    let labels = "{protocol=\"http\",route=\"/x\",status=\"200\"}";
    for value in ["NaN", "+Inf", "-1"] {
        assert!(Counters::read(&format!("requests_total{labels} {value}")).since(None).is_empty(), "{value}");
    }
}

#[test]
fn failures_are_those_of_the_service() {
    for (status, failure) in [
        ("500", true),
        ("503", true),
        ("UNAVAILABLE", true),
        ("404", false),
        ("NOT_FOUND", false),
        ("200", false),
    ] {
        assert_eq!(is_failure(status), failure, "{status}");
    }
}
