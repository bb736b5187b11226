//! How many events per second does the program send from a file, and how many could librdkafka accept?
//!
//! `MARQUEE_BENCH_KAFKA=$(scripts/kafka start DIR PORT) cargo bench -p ratingingester` sends the same events
//! alternately: by the program from a file of JSON lines, and by a bare librdkafka producer from memory, which
//! neither reads nor checks them. It prints the median of each, in events per second and in CPU time per
//! event without the broker's. The topics that it creates are deleted afterwards.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that can't go on fails, and prints figures"
)]

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::util::Timeout;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const EVENTS: u32 = 2_000_000;
const ROUNDS: usize = 3;
const PARTITIONS: i32 = 8;

/// The time that one way of sending took for all events, in seconds.
struct Took {
    clock: f64,
    processor: f64,
}

fn main() {
    let Ok(brokers) = std::env::var("MARQUEE_BENCH_KAFKA") else {
        println!("produce: skipped, as MARQUEE_BENCH_KAFKA names no Kafka");
        return;
    };
    let topic = format!("bench-{}", std::process::id());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &brokers).create().unwrap();
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
    let new = NewTopic::new(&topic, PARTITIONS, TopicReplication::Fixed(1));
    let made = runtime.block_on(admin.create_topics([&new], &options)).unwrap();
    assert!(made.iter().all(Result::is_ok), "{made:?}");

    let lines = lines();
    let file = tempfile::Builder::new().suffix(".jsonl").tempfile().unwrap();
    std::fs::write(file.path(), &lines).unwrap();
    let mut program = Vec::new();
    let mut bare = Vec::new();
    for _ in 0..ROUNDS {
        program.push(by_program(&brokers, &topic, file.path()));
        bare.push(by_bare_producer(&brokers, &topic, &lines));
    }
    runtime.block_on(admin.delete_topics(&[&topic], &options)).unwrap();

    let program = told("ratingingester", program);
    let bare = told("bare librdkafka producer", bare);
    println!("ratio {:.2} by the clock, {:.2} by processor time", program.0 / bare.0, bare.1 / program.1);
}

/// Returns events of 200,000 users about 10,000 records, some of which are rated far more often.
fn lines() -> String {
    let mut lines = String::new();
    let mut state = 1_u64;
    for _ in 0..EVENTS {
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let (user, record, value) = (next(200_000), next(10_000) * next(10_000) / 10_000, 1 + next(10));
        let _ = writeln!(
            lines,
            r#"{{"userId":"u{user}","recordId":"{record}","recordType":"movie","value":{value}}}"#
        );
    }
    lines
}

fn by_program(brokers: &str, topic: &str, file: &Path) -> Took {
    measured(|| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ratingingester"));
        command.arg(file).args(["--kafka", brokers, "--kafka-topic", topic]);
        assert!(command.status().unwrap().success());
    })
}

fn by_bare_producer(brokers: &str, topic: &str, lines: &str) -> Took {
    let messages: Vec<(String, &str)> = lines
        .lines()
        .map(|line| {
            let (_, id) = line.split_once(r#""recordId":""#).unwrap();
            let (id, _) = id.split_once('"').unwrap();
            (format!("movie/{id}"), line)
        })
        .collect();
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("compression.type", "lz4")
        .set("partitioner", "murmur2_random")
        .set("queue.buffering.max.messages", "200000")
        .create()
        .unwrap();
    measured(|| {
        for (key, value) in &messages {
            loop {
                match producer.send(BaseRecord::to(topic).key(key).payload(*value)) {
                    Ok(()) => break,
                    Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    Err((error, _)) => panic!("{error}"),
                }
            }
        }
        producer.flush(Timeout::Never).unwrap();
    })
}

fn measured(run: impl FnOnce()) -> Took {
    let (started, processor) = (Instant::now(), processor_time());
    run();
    Took { clock: started.elapsed().as_secs_f64(), processor: processor_time() - processor }
}

/// Returns the CPU time of this process and its ended children in seconds, as counted by Linux.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    // utime, stime, cutime and cstime, in hundredths.
    let ticks = fields.split(' ').skip(11).take(4).map(|ticks| ticks.parse::<f64>().unwrap());
    ticks.sum::<f64>() / 100.0
}

/// Prints and returns the medians: events per second, and microseconds of CPU time per event.
fn told(name: &str, mut rounds: Vec<Took>) -> (f64, f64) {
    let events = f64::from(EVENTS);
    rounds.sort_by(|a, b| a.clock.total_cmp(&b.clock));
    let rate = events / rounds[ROUNDS / 2].clock;
    rounds.sort_by(|a, b| a.processor.total_cmp(&b.processor));
    let processor = rounds[ROUNDS / 2].processor * 1e6 / events;
    println!("{name}: {rate:.0} events/s, {processor:.2} µs of processor time an event");
    (rate, processor)
}
