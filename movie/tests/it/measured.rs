//! Metrics of the calls to the backend services.

use crate::stack::Stack;
use api::movie::v1::GetMovieDetailsRequest;
use api::movie::v1::movie_service_client::MovieServiceClient;
use futures::future::join_all;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Returns the samples of the client and of merged reads, each with its value.
async fn samples(stack: &Stack) -> Vec<(String, u64)> {
    let metrics = stack.movie.get("/metrics").await.unwrap().body;
    promtool(&metrics);
    let text = String::from_utf8(metrics.to_vec()).unwrap();
    let ours = text.lines().filter(|line| line.starts_with("client_") || line.starts_with("coalesce_"));
    ours.map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse::<f64>().unwrap() as u64))
        .collect()
}

/// Runs `promtool check metrics` if it is installed.
fn promtool(metrics: &[u8]) {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        eprintln!("promtool is not installed");
        return;
    };
    child.stdin.take().unwrap().write_all(metrics).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
}

#[tokio::test]
async fn calls_of_all_workers_add_up_in_one_sample_per_service() {
    for gateway in ["grpc", "http"] {
        let mut stack = Stack::start(gateway).await;
        stack.put_movies(["1".to_owned()]).await;
        for response in join_all((0..40).map(|_| stack.movie.get("/v1/movies/1"))).await {
            assert_eq!(response.unwrap().status, 200);
        }
        let found = samples(&stack).await;
        let value = |name: &str| {
            let rows: Vec<_> = found.iter().filter(|(row, _)| row == name).map(|(_, value)| *value).collect();
            assert_eq!(rows.len(), 1, "{gateway} {name}: {found:?}");
            rows[0]
        };
        for service in ["metadata", "rating"] {
            let of = |name: &str| value(&format!("{name}{{service=\"{service}\"}}"));
            assert_eq!(of("coalesce_reads_total"), 40, "{gateway}");
            let batches = of("coalesce_batch_ids_count");
            // All of them read the same movie.
            assert_eq!(of("coalesce_batch_ids_sum"), batches, "{gateway}");
            assert!((1..40).contains(&batches), "{gateway}: {batches} batches");
            assert_eq!(
                value(&format!("client_calls_total{{service=\"{service}\",outcome=\"answered\"}}")),
                batches,
                "{gateway}"
            );
            assert_eq!(of("client_tries_total"), batches, "{gateway}");
            assert_eq!(value(&format!("client_instances{{service=\"{service}\"}}")), 1);
            assert_eq!(value(&format!("client_tries_in_flight{{service=\"{service}\"}}")), 0);
            for number in ["hedges_total", "hedges_won_total", "budget_refusals_total", "instances_ejected"] {
                assert_eq!(value(&format!("client_{number}{{service=\"{service}\"}}")), 0, "{number}");
            }
        }

        let rating = stack.rating.take().unwrap();
        stack.registry.register(&another_rating(&rating.authority())).await.unwrap();
        rating.stop().await.unwrap();
        let ejected = || async {
            let rows = samples(&stack).await;
            let of = |name: &str| rows.iter().find(|(row, _)| row.starts_with(name)).unwrap().1;
            let retries: u64 = rows
                .iter()
                .filter(|(row, _)| row.starts_with("client_retries_total{service=\"rating\""))
                .map(|(_, value)| value)
                .sum();
            (of("client_ejections_total{service=\"rating\"}"), retries)
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while ejected().await.0 == 0 {
            assert!(Instant::now() < deadline, "{gateway}: no instance is ejected");
            assert_eq!(stack.movie.get("/v1/movies/1").await.unwrap().status, 200);
        }
        assert!(ejected().await.1 > 0, "{gateway}: it was tried again");
        stack.stop().await;
    }
}

#[tokio::test]
async fn hedged_read_wins_over_frozen_instance() {
    for gateway in ["grpc", "http"] {
        let stack = Stack::start_with(&["movie", "--gateway", gateway, "--hedge-after", "20ms"]).await;
        stack.put_movies(["1".to_owned()]).await;
        assert_eq!(stack.movie.get("/v1/movies/1").await.unwrap().status, 200);
        // Connections to it are accepted by the kernel, and no program reads them.
        let frozen = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let instance = another_rating(&frozen.local_addr().unwrap().to_string());
        stack.registry.register(&instance).await.unwrap();

        let won = "client_hedges_won_total{service=\"rating\"}";
        let deadline = Instant::now() + Duration::from_secs(10);
        while !samples(&stack).await.iter().any(|(name, value)| name == won && *value > 0) {
            assert!(Instant::now() < deadline, "{gateway}: nothing is hedged");
            let movie = stack.movie.get("/v1/movies/1").await.unwrap().json();
            assert_eq!(movie.get("partial"), None, "{gateway}");
        }
        stack.stop().await;
    }
}

/// Returns an instance of rating at this address, whatever listens there.
fn another_rating(authority: &str) -> discovery::Instance {
    let (host, port) = authority.rsplit_once(':').unwrap();
    let id = format!("another-rating-{port}");
    let port = port.parse().unwrap();
    discovery::Instance { service: "rating".into(), id, host: host.into(), port, tags: Vec::new() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scrape_of_busy_service_is_fast_and_small() {
    const INSTANCES: u16 = 50;
    let stack = Stack::start_with(&["movie", "--cache-ttl", "1m"]).await;
    stack.put_movies((0..100).map(|id| id.to_string())).await;
    let document = stack.movie.get("/openapi.json").await.unwrap().json();
    for path in document["paths"].as_object().unwrap().keys() {
        for id in ["1", "none"] {
            stack.movie.get(&path.replace("{id}", id)).await.unwrap();
        }
    }
    let mut movies = MovieServiceClient::new(stack.movie.channel().await.unwrap());
    movies.get_movie_details(GetMovieDetailsRequest { movie_id: "1".to_owned() }).await.unwrap();
    for number in 2..INSTANCES + 1 {
        for (service, authority) in [("metadata", stack.metadata.as_ref()), ("rating", stack.rating.as_ref())]
            .map(|(service, running)| (service, running.unwrap().authority()))
        {
            let (host, port) = authority.rsplit_once(':').unwrap();
            let id = format!("{service}-10.100.100.{number:03}-{port}");
            let (service, host, port) = (service.into(), host.into(), port.parse().unwrap());
            let instance = discovery::Instance { service, id, host, port, tags: Vec::new() };
            stack.registry.register(&instance).await.unwrap();
        }
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let call = async |id: u32| stack.movie.get(&format!("/v1/movies?ids={id}")).await.unwrap();
        join_all((0..50).map(call)).await;
        let metrics = stack.movie.get("/metrics").await.unwrap().body;
        let metrics = String::from_utf8(metrics.to_vec()).unwrap();
        let called = metrics.lines().filter(|line| {
            line.starts_with("client_requests_total{") && line.contains("\"ok\"") && !line.ends_with(" 0")
        });
        if called.count() == 2 * usize::from(INSTANCES) {
            break;
        }
        assert!(Instant::now() < deadline, "not all instances are called");
    }
    let (mut fastest, mut bytes) = (Duration::MAX, 0);
    for _ in 0..20 {
        let began = Instant::now();
        bytes = stack.movie.get("/metrics").await.unwrap().body.len();
        fastest = fastest.min(began.elapsed());
    }
    let kibibytes = bytes / 1024;
    eprintln!("a scrape with {INSTANCES} instances of each service: {fastest:?}, {kibibytes} KiB");
    assert!(fastest < Duration::from_millis(20) && kibibytes < 300, "{fastest:?}, {kibibytes} KiB");
    stack.stop().await;
}
