//! What does each `--delivery` cost: how many events a second go from Kafka into SQLite with `synchronous=FULL`, in
//! batches of 20,000 and of 100?
//!
//! `cargo bench -p rating --bench delivery` prints the rows of the table in `docs/delivery.md`. The broker is
//! librdkafka's mock cluster in this process; joining the group is not measured.

#![expect(clippy::expect_used, reason = "a bench that can't go on ends")]
#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

use clap::{Parser, ValueEnum};
use rating::ingester::{self, Delivery, Metrics};
use rating::repository::{Repository, sqlite};
use rating::writer::Writer;
use rdkafka::config::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::sqlite::Synchronous;
use storage::testing::File;
use tokio_util::sync::CancellationToken;
use trace::Tracer;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EVENTS: usize = 200_000;
const PARTITIONS: usize = 4;
const BATCHES: [usize; 2] = [20_000, 100];
const ROUNDS: usize = 3;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    config: ingester::Config,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let cluster = filled();
    let modes = Delivery::value_variants();
    let mut rates = vec![vec![0.0; BATCHES.len()]; modes.len()];
    // In turn, so that all meet the same disk and the same neighbours; the best of each counts.
    for _ in 0..ROUNDS {
        for (mode, &delivery) in modes.iter().enumerate() {
            for (column, &most) in BATCHES.iter().enumerate() {
                let rate = ingest(&cluster.bootstrap_servers(), delivery, most).await;
                rates[mode][column] = f64::max(rates[mode][column], rate);
            }
        }
    }
    println!("| `--delivery` | events/s, batches of {} | events/s, batches of {} |", BATCHES[0], BATCHES[1]);
    println!("|---|---|---|");
    for (delivery, rates) in modes.iter().zip(rates) {
        println!("| `{delivery}` | {:.0} | {:.0} |", rates[0], rates[1]);
    }
}

/// A cluster with the events on it.
fn filled() -> MockCluster<'static, DefaultProducerContext> {
    let cluster = MockCluster::new(1).expect("a cluster");
    cluster.create_topic("ratings", PARTITIONS as i32, 1).expect("a topic");
    cluster.create_topic("ratings.dlq", 1, 1).expect("a topic");
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", cluster.bootstrap_servers()).set("compression.type", "lz4");
    let producer: BaseProducer = config.set("linger.ms", "50").create().expect("a producer");
    for number in 0..EVENTS {
        let (user, record, value) = (number * 7_919 % 50_000, number * 104_729 % 2_000, 1 + number % 10);
        let event = format!(
            r#"{{"userId":"user-{user:06}","recordId":"tt{record:07}","recordType":"movie","value":{value}}}"#
        );
        let key = format!("movie/tt{record:07}");
        let mut record = BaseRecord::to("ratings").key(&key).payload(&event);
        while let Err((_, back)) = producer.send(record) {
            producer.poll(Duration::from_millis(10));
            record = back;
        }
    }
    producer.flush(Duration::from_secs(30)).expect("all are there");
    cluster
}

/// Ingests all events into a fresh file; returns how many a second.
async fn ingest(brokers: &str, delivery: Delivery, most: usize) -> f64 {
    let file = File::new().expect("a folder");
    let store = sqlite::Repository::open(&file.path(), Synchronous::Full).await.expect("it opens");
    let repository = Arc::new(store);
    let mut config = Arguments::parse_from(["delivery", "--kafka", brokers]).config;
    config.options = [("session.timeout.ms", "3500"), ("heartbeat.interval.ms", "500")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .to_vec();
    (config.delivery, config.batch_events) = (delivery, most);
    let stop = CancellationToken::new();
    let (metrics, writer) = (Metrics::default(), Writer::start(repository.clone(), &stop));
    let started = ingester::start(&config, &writer, repository.clone(), &metrics, &Tracer::disabled(), &stop);
    let ingesting = started.expect("it starts").expect("brokers are named");
    let applied = || {
        let [created, replaced, unchanged, ..] = ingesting.status().counts.applied;
        created + replaced + unchanged
    };
    let mut began = None;
    while applied() < EVENTS as u64 {
        if began.is_none() && applied() > 0 {
            began = Some((Instant::now(), applied()));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let (began, before) = began.expect("it took more than a batch");
    let rate = (EVENTS as u64 - before) as f64 / began.elapsed().as_secs_f64();
    stop.cancel();
    ingesting.join().await;
    writer.ended().await;
    repository.close().await;
    rate
}
