//! What traces cost a request that is not sampled: no allocation, in none of the services. Allocations are counted in
//! the whole process, which needs a separate program.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use discovery::Registry;
use service::testing::{Running, parse};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use trace::testing::{Receiver, listener};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Rounds of each service, alternating with those of the service that it is compared with.
const ROUNDS: usize = 4;

/// Requests of a round before allocations are counted, which fill buffers.
const WARM_UP: usize = 30;

const COUNTED: usize = 100;

/// Reads a response to its end; returns its length.
async fn response(stream: &mut TcpStream, buffer: &mut [u8]) -> usize {
    let mut filled = 0;
    loop {
        filled += stream.read(&mut buffer[filled..]).await.unwrap();
        let text = std::str::from_utf8(&buffer[..filled]).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        assert!(head.starts_with("HTTP/1.1 200 "), "{text}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            return filled;
        }
    }
}

/// Adds the numbers of allocations of GETs of `path` to `counts`, from the request to the response.
async fn count(service: &Running, path: &str, counts: &mut Vec<usize>) {
    let mut stream = TcpStream::connect(service.authority()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut buffer = vec![0; 16 * 1024];
    counts.reserve(COUNTED);
    for number in 0..WARM_UP + COUNTED {
        let region = Region::new(ALLOCATOR);
        stream.write_all(request.as_bytes()).await.unwrap();
        response(&mut stream, &mut buffer).await;
        // A longer head may enlarge a buffer of hyper's, which counts as a reallocation.
        let allocations = region.change().allocations;
        if number >= WARM_UP {
            counts.push(allocations);
        }
    }
}

/// Returns the number that most requests have: single ones meet a timer, or a response in two parts.
fn most_frequent(counts: &[usize]) -> usize {
    let requests = |count: &usize| counts.iter().filter(|other| *other == count).count();
    *counts.iter().max_by_key(|count| requests(count)).unwrap()
}

/// The services in this process, with one movie service for each gateway.
struct Services {
    movie: [Running; 2],
    others: [Running; 2],
}

impl Services {
    async fn start(traces: &[&str]) -> Self {
        let registry: Arc<dyn Registry> = discovery::memory::Registry::new();
        let chassis = ["--workers", "1", "--drain-timeout", "1s"];
        let arguments = |program: &[&'static str]| {
            [program, &chassis, traces].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let config: metadata::Config = parse(arguments(&["metadata", "--database", "memory:"])).unwrap();
        let metadata =
            Running::start("metadata", &registry, |registry, stop| metadata::run(config, registry, stop));
        let metadata = metadata.await.unwrap();
        let config: rating::Config = parse(arguments(&["rating", "--database", "memory:"])).unwrap();
        let rating =
            Running::start("rating", &registry, |registry, stop| rating::run(config, registry, stop));
        let rating = rating.await.unwrap();
        for (service, path, body) in [
            (&metadata, "/v1/metadata/1", Some(r#"{"title":"A movie"}"#)),
            (&rating, "/rating?id=1&type=movie&userId=a&value=3", None),
        ] {
            let put = service.send(http::Method::PUT, path, body).await.unwrap();
            assert!(put.status.is_success(), "{put:?}");
        }
        let mut movie = Vec::new();
        for gateway in ["grpc", "http"] {
            let config: movie::Config = parse(arguments(&["movie", "--gateway", gateway])).unwrap();
            let running =
                Running::start("movie", &registry, |registry, stop| movie::run(config, registry, stop));
            movie.push(running.await.unwrap());
        }
        let Ok(movie) = movie.try_into() else { panic!("one movie service for each gateway") };
        Self { movie, others: [metadata, rating] }
    }

    /// Returns the services whose requests are counted: movie over gRPC, movie over REST, rating.
    fn counted(&self) -> [(&Running, &'static str); 3] {
        let [over_grpc, over_rest] = &self.movie;
        let rating = &self.others[1];
        [(over_grpc, "/v1/movies/1"), (over_rest, "/v1/movies/1"), (rating, "/v1/ratings/movie/1")]
    }

    async fn stop(self) {
        for running in self.movie.into_iter().chain(self.others) {
            running.stop().await.unwrap();
        }
    }
}

/// Returns the allocations of a request to each counted service, for both sets of services.
async fn compare(one: &Services, other: &Services) -> [[usize; 3]; 2] {
    let mut counts = <[[Vec<usize>; 3]; 2]>::default();
    for _ in 0..ROUNDS {
        for (services, counts) in [one, other].into_iter().zip(&mut counts) {
            for ((service, path), counts) in services.counted().into_iter().zip(counts) {
                count(service, path, counts).await;
            }
        }
    }
    counts.map(|services| services.map(|counts| most_frequent(&counts)))
}

#[tokio::test]
async fn unsampled_request_allocates_as_much_as_without_traces() {
    let (listener, address) = listener().await.unwrap();
    let (receiver, _) = Receiver::start(listener);
    let endpoint = format!("http://{address}");
    let with = |sampler| ["--otlp-endpoint", &endpoint, "--trace-sampler", sampler, "--trace-ratio", "0"];
    let plain = Services::start(&[]).await;
    let unsampled = Services::start(&with("parentbased_traceidratio")).await;
    let [off, on] = compare(&plain, &unsampled).await;
    unsampled.stop().await;
    assert!(on[0] <= off[0] && on[2] <= off[2], "movie over gRPC, and rating: {on:?} {off:?}");
    // hyper copies the name of each header that it does not know: one in each of the two calls. The number of reads and
    // writes varies a little.
    assert!(on[1] <= off[1] + 4, "movie over REST: {on:?} {off:?}");
    assert_eq!(receiver.spans().len(), 0);

    let sampled = Services::start(&with("always_on")).await;
    let [off, on] = compare(&plain, &sampled).await;
    assert!(on.iter().zip(off).all(|(on, off)| *on > off + 4), "{on:?} {off:?}");
    sampled.stop().await;
    plain.stop().await;
}
