//! DNS from a resolver's point of view.

use crate::agent::Agent;
use agent::Dns;
use hickory_server::proto::op::{Edns, Message, Query, ResponseCode};
use hickory_server::proto::rr::{Name, RData, Record, RecordType};
use hickory_server::proto::serialize::binary::{BinDecodable, BinDecoder};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

struct Resolver {
    agent: Agent,
    dns: SocketAddr,
}

fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

impl Resolver {
    async fn start() -> Self {
        let dns = Dns::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = dns.address();
        Self { agent: Agent::with_dns(dns).await, dns: address }
    }

    /// Registers a rating instance.
    async fn register(&self, id: &str, address: &str, port: u16, status: &str) {
        let body = format!(
            r#"{{"Name":"rating","ID":"{id}","Address":"{address}","Port":{port},"Tags":["gRPC"],
                "Weights":{{"Passing":10,"Warning":2}},"Check":{{"TTL":"10s","Status":"{status}"}}}}"#
        );
        self.agent.register(&body).await.done();
    }

    async fn send(&self, message: &Message) -> Message {
        let answer = Message::from_vec(&self.packet(message).await).unwrap();
        assert_eq!(answer.metadata.id, message.metadata.id);
        answer
    }

    /// Sends a message and returns the response packet.
    async fn packet(&self, message: &Message) -> Vec<u8> {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.send_to(&message.to_vec().unwrap(), self.dns).await.unwrap();
        let mut buffer = [0; 65535];
        let length = timeout(Duration::from_secs(10), socket.recv(&mut buffer)).await.unwrap().unwrap();
        buffer[..length].to_vec()
    }

    async fn ask(&self, name: &str, kind: RecordType) -> Message {
        self.send(&question(name, kind)).await
    }

    async fn ask_over_tcp(&self, message: &Message) -> Message {
        let exchange = async {
            let bytes = message.to_vec().unwrap();
            let mut connection = TcpStream::connect(self.dns).await.unwrap();
            connection.write_u16(u16::try_from(bytes.len()).unwrap()).await.unwrap();
            connection.write_all(&bytes).await.unwrap();
            let length = connection.read_u16().await.unwrap();
            let mut answer = vec![0; length.into()];
            connection.read_exact(&mut answer).await.unwrap();
            Message::from_vec(&answer).unwrap()
        };
        timeout(Duration::from_secs(10), exchange).await.unwrap()
    }
}

fn data(records: &[Record]) -> Vec<String> {
    assert!(records.iter().all(|record| record.ttl == 0), "{records:?}");
    let mut data: Vec<String> = records.iter().map(|record| record.data.to_string()).collect();
    data.sort();
    data
}

/// Returns the response code, and whether the response has an SOA record.
fn nothing(answer: &Message) -> (ResponseCode, bool) {
    assert!(answer.answers.is_empty(), "{answer}");
    let soa = answer.authorities.iter().any(|record| matches!(record.data, RData::SOA(_)));
    (answer.metadata.response_code, soa)
}

#[tokio::test]
async fn passing_and_warning_instances_are_returned_and_critical_ones_omitted() {
    let resolver = Resolver::start().await;
    resolver.register("rating-1", "127.0.0.1", 8082, "passing").await;
    resolver.register("rating-2", "127.0.0.2", 8082, "warning").await;
    resolver.register("rating-3", "127.0.0.3", 8082, "critical").await;
    for name in [
        "rating.service.consul.",
        "Rating.Service.DC1.Consul.",
        "grpc.rating.service.consul.",
        "_rating._tcp.consul.",
    ] {
        let answer = resolver.ask(name, RecordType::A).await;
        assert_eq!(data(&answer.answers), ["127.0.0.1", "127.0.0.2"], "{name}");
        assert!(answer.metadata.authoritative && !answer.metadata.recursion_available, "{answer}");
        assert!(answer.authorities.is_empty(), "{answer}");
    }
}

#[tokio::test]
async fn srv_record_has_port_weight_and_target_with_address() {
    let resolver = Resolver::start().await;
    resolver.register("rating-1", "127.0.0.1", 8082, "passing").await;
    resolver.register("rating-2", "127.0.0.1", 9082, "warning").await;
    resolver.register("rating-3", "::1", 8082, "passing").await;
    let answer = resolver.ask("_rating._tcp.service.consul.", RecordType::SRV).await;
    let v6 = "00000000000000000000000000000001.addr.dc1.consul.";
    let expected = [
        format!("1 10 8082 {v6}"),
        "1 10 8082 7f000001.addr.dc1.consul.".to_owned(),
        "1 2 9082 7f000001.addr.dc1.consul.".to_owned(),
    ];
    assert_eq!(data(&answer.answers), expected);
    assert_eq!(data(&answer.additionals), ["127.0.0.1", "::1"]);
    let target = resolver.ask(v6, RecordType::AAAA).await;
    assert_eq!(data(&target.answers), ["::1"]);
}

#[tokio::test]
async fn instance_without_address_has_address_of_node() {
    let resolver = Resolver::start().await;
    resolver.register("rating-1", "", 8082, "passing").await;
    let answer = resolver.ask("rating.service.consul.", RecordType::SRV).await;
    assert_eq!(data(&answer.answers), ["1 10 8082 dev.node.dc1.consul."]);
    assert_eq!(data(&answer.additionals), ["127.0.0.1"]);
    for name in ["rating.service.consul.", "dev.node.consul.", "consul.service.consul."] {
        assert_eq!(data(&resolver.ask(name, RecordType::A).await.answers), ["127.0.0.1"], "{name}");
    }
}

#[tokio::test]
async fn host_name_is_returned_as_cname() {
    let resolver = Resolver::start().await;
    resolver.register("rating-1", "rating.example.com", 8082, "passing").await;
    for kind in [RecordType::A, RecordType::AAAA] {
        let answer = resolver.ask("rating.service.consul.", kind).await;
        assert_eq!(data(&answer.answers), ["rating.example.com."]);
    }
    let answer = resolver.ask("rating.service.consul.", RecordType::SRV).await;
    assert_eq!(data(&answer.answers), ["1 10 8082 rating.example.com."]);
}

#[tokio::test]
async fn unknown_name_is_nxdomain_and_missing_record_type_is_empty() {
    let resolver = Resolver::start().await;
    resolver.register("rating-1", "127.0.0.1", 8082, "passing").await;
    resolver.agent.register(r#"{"Name":"web","Check":{"TTL":"10s"}}"#).await.done();
    for (name, kind, expected) in [
        ("none.service.consul.", RecordType::A, (ResponseCode::NXDomain, true)),
        ("web.service.consul.", RecordType::A, (ResponseCode::NXDomain, true)),
        ("rest.rating.service.consul.", RecordType::A, (ResponseCode::NXDomain, true)),
        ("rating.service.dc2.consul.", RecordType::A, (ResponseCode::NXDomain, true)),
        ("none.node.consul.", RecordType::A, (ResponseCode::NXDomain, true)),
        ("rating.service.consul.", RecordType::AAAA, (ResponseCode::NoError, true)),
        ("rating.service.consul.", RecordType::TXT, (ResponseCode::NoError, true)),
        ("consul.", RecordType::A, (ResponseCode::NoError, true)),
        ("example.com.", RecordType::A, (ResponseCode::Refused, false)),
        ("consul.", RecordType::AXFR, (ResponseCode::NotImp, false)),
    ] {
        assert_eq!(nothing(&resolver.ask(name, kind).await), expected, "{name} {kind}");
    }
    let domain = resolver.ask("consul.", RecordType::SOA).await;
    assert!(matches!(domain.answers[..], [Record { data: RData::SOA(_), .. }]), "{domain}");
}

#[tokio::test]
async fn packet_without_edns_has_three_answers_and_others_have_all() {
    let resolver = Resolver::start().await;
    for last in 1..=20 {
        resolver.register(&format!("rating-{last}"), &format!("127.0.0.{last}"), 8082, "passing").await;
    }
    let mut message = question("rating.service.consul.", RecordType::A);
    let short = resolver.send(&message).await;
    assert_eq!((short.answers.len(), short.metadata.truncation), (3, false));
    assert_eq!(resolver.ask_over_tcp(&message).await.answers.len(), 20);
    let mut edns = Edns::new();
    edns.set_max_payload(4096);
    message.set_edns(edns);
    assert_eq!(resolver.send(&message).await.answers.len(), 20);
}

#[tokio::test]
async fn records_that_do_not_fit_are_omitted_and_packet_is_truncated() {
    let resolver = Resolver::start().await;
    for number in 0..1000 {
        let body = format!(
            r#"{{"Name":"rating","ID":"{number}","Address":"10.0.{}.{}","Port":8082}}"#,
            number / 250,
            number % 250
        );
        resolver.agent.register(&body).await.done();
    }
    for (kind, packet, least) in [
        (RecordType::A, 1232, 30),
        (RecordType::SRV, 1232, 15),
        (RecordType::A, 512, 12),
        // Larger sizes would amplify a question with a forged sender.
        (RecordType::A, u16::MAX, 30),
        (RecordType::SRV, 4096, 15),
    ] {
        let mut message = question("rating.service.consul.", kind);
        let mut edns = Edns::new();
        edns.set_max_payload(packet);
        message.set_edns(edns);
        let bytes = resolver.packet(&message).await;
        assert!(bytes.len() <= packet.min(1232).into(), "{kind}: {}", bytes.len());
        let mut decoder = BinDecoder::new(&bytes);
        let answer = Message::read(&mut decoder).unwrap();
        assert!(decoder.is_empty(), "{kind}: {} bytes more than the header counts", decoder.len());
        assert!(
            answer.metadata.truncation && answer.answers.len() >= least,
            "{kind}: {}",
            answer.answers.len()
        );
        assert!(answer.edns.is_some(), "{kind}");
        let whole = resolver.ask_over_tcp(&message).await;
        assert_eq!((whole.answers.len(), whole.metadata.truncation), (1000, false), "{kind}");
    }
}

#[tokio::test]
async fn change_is_visible_in_next_answer() {
    let resolver = Resolver::start().await;
    resolver.register("rating-1", "127.0.0.1", 8082, "critical").await;
    assert_eq!(
        nothing(&resolver.ask("rating.service.consul.", RecordType::A).await).0,
        ResponseCode::NXDomain
    );
    resolver.agent.put("/v1/agent/check/pass/service:rating-1", "").await.done();
    assert_eq!(resolver.ask("rating.service.consul.", RecordType::A).await.answers.len(), 1);
}
