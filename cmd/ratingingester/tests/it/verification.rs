//! Verification against a rating service that responds from a list.

use crate::broker::{Broker, code, feed, said};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Serves batches of aggregates: none for the first `late` requests, then those given by record id.
fn service(late: usize, aggregates: &[(&str, &str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let known: HashMap<String, String> =
        aggregates.iter().map(|(id, rest)| ((*id).to_owned(), (*rest).to_owned())).collect();
    let (known, asked) = (Arc::new(known), Arc::new(AtomicUsize::new(0)));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (known, asked) = (Arc::clone(&known), Arc::clone(&asked));
            std::thread::spawn(move || answer(stream.unwrap(), late, &known, &asked));
        }
    });
    format!("http://{address}")
}

fn answer(mut stream: TcpStream, late: usize, known: &HashMap<String, String>, asked: &AtomicUsize) {
    let mut requests = BufReader::new(stream.try_clone().unwrap()).lines();
    while let Some(Ok(first)) = requests.next() {
        while requests.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let ids = first.strip_prefix("GET /v1/ratings/movie?ids=").and_then(|rest| rest.split(' ').next());
        let served = asked.fetch_add(1, Ordering::Relaxed) >= late;
        let found = ids.unwrap().split(',').filter_map(|id| Some((id, known.get(id).filter(|_| served)?)));
        let found = found.map(|(id, rest)| {
            format!(
                r#"{{"recordType":"movie","recordId":"{id}","mean":1,"weightedMean":1,"revision":9,{rest}}}"#
            )
        });
        let body = format!(r#"{{"aggregates":[{}]}}"#, found.collect::<Vec<_>>().join(","));
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        if stream.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

const EVENTS: &str = r#"
{"userId":"u","recordId":"1","recordType":"movie","value":5}
{"userId":"v","recordId":"1","recordType":"movie","value":5}
{"userId":"u","recordId":"1","recordType":"movie","value":7}
{"userId":"u","recordId":"2","recordType":"movie","value":3}
{"userId":"u","recordId":"2","recordType":"movie","eventType":"delete"}
"#;

const ONE: &str = r#""count":2,"sum":12,"histogram":[0,0,0,0,1,0,1,0,0,0]"#;

fn verify(service: &str, patience: &str) -> Output {
    let broker = Broker::start();
    let mut command = broker.command();
    command.args(["--verify", service, "--verify-timeout", patience]);
    feed(command, EVENTS)
}

#[test]
fn verification_waits_for_service_that_catches_up() {
    let output = verify(&service(3, &[("1", ONE)]), "60s");
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert!(said(&output).contains("verified 2 records: 0 differ"), "{}", said(&output));
    assert!(output.stdout.is_empty());
}

#[test]
fn differences_are_printed_and_exit_with_1() {
    let output = verify(
        &service(
            0,
            &[
                ("1", r#""count":2,"sum":12,"histogram":[0,0,0,0,0,2,0,0,0,0]"#),
                ("2", r#""count":1,"sum":3,"histogram":[0,0,1,0,0,0,0,0,0,0]"#),
            ],
        ),
        "1s",
    );
    assert_eq!(code(&output), 1, "{}", said(&output));
    assert!(said(&output).contains("verified 2 records: 2 differ"), "{}", said(&output));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "movie/1: 2 ratings of sum 12 as [0, 0, 0, 0, 1, 0, 1, 0, 0, 0] were sent, \
         2 ratings of sum 12 as [0, 0, 0, 0, 0, 2, 0, 0, 0, 0] are served\n\
         movie/2: 0 ratings of sum 0 as [0, 0, 0, 0, 0, 0, 0, 0, 0, 0] were sent, \
         1 ratings of sum 3 as [0, 0, 1, 0, 0, 0, 0, 0, 0, 0] are served\n"
    );
}

#[test]
fn unreachable_service_is_reported() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let output = verify(&address, "1s");
    assert_eq!(code(&output), 1, "{}", said(&output));
    assert!(said(&output).contains(&format!("{address} can't be reached: ")), "{}", said(&output));
}
