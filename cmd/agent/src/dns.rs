//! Consul's DNS interface over UDP and TCP: sockets and message encoding.

mod answer;
mod name;

use crate::shared::Shared;
use answer::Answer;
use async_trait::async_trait;
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::net::xfer::Protocol;
use hickory_server::proto::op::{Edns, Header, HeaderCounts, MessageType, Metadata, OpCode, ResponseCode};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UdpSocket};

/// The maximum number of answers in a UDP packet for a resolver that announces no size.
const UDP_ANSWERS: usize = 3;

/// The bytes of a message besides question and records: header and EDNS.
const FRAME: usize = 12 + 11;

/// The UDP packet size that every resolver accepts, in bytes.
const PLAIN_PACKET: u16 = 512;

/// The maximum UDP packet size in bytes, whatever the question announces: larger packets are fragmented, and a forged
/// sender address would make the agent send them to a victim.
const LARGEST_PACKET: u16 = 1232;

/// The idle time-out of a TCP connection.
const SILENCE: Duration = Duration::from_secs(10);

/// The maximum number of answers queued on a TCP connection.
const WAITING: usize = 32;

/// The number of attempts to find a port that is free for both UDP and TCP.
const TRIES: usize = 16;

/// The sockets of the DNS server.
#[derive(Debug)]
pub struct Dns {
    address: SocketAddr,
    tcp: TcpListener,
    udp: UdpSocket,
}

impl Dns {
    /// Binds `address` for UDP and TCP; port 0 selects one that is free for both.
    ///
    /// # Errors
    ///
    /// The address can't be listened on.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let mut tries = if address.port() == 0 { TRIES } else { 1 };
        loop {
            let tcp = TcpListener::bind(address).await?;
            let address = tcp.local_addr()?;
            tries -= 1;
            match UdpSocket::bind(address).await {
                Ok(udp) => return Ok(Self { address, tcp, udp }),
                Err(error) if tries == 0 => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Returns the bound address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Serves `dns` while this is polled; does nothing without sockets.
pub(crate) async fn serve(dns: Option<Dns>, shared: Arc<Shared>) -> anyhow::Result<()> {
    let Some(Dns { tcp, udp, .. }) = dns else { return std::future::pending().await };
    let mut server = Server::new(Handler { shared });
    server.register_listener(tcp, SILENCE, WAITING);
    server.register_socket(udp);
    Ok(server.block_until_done().await?)
}

/// A handler that answers from the agent's state.
struct Handler {
    shared: Arc<Shared>,
}

impl Handler {
    fn answer(&self, request: &Request) -> Answer {
        if request.metadata.message_type != MessageType::Query {
            return Answer::refused(ResponseCode::FormErr);
        }
        if request.metadata.op_code != OpCode::Query {
            return Answer::refused(ResponseCode::NotImp);
        }
        let Ok(info) = request.request_info() else { return Answer::refused(ResponseCode::FormErr) };
        let mut answer = answer::to(&self.shared, info.query.original());
        if request.protocol() == Protocol::Udp && request.edns.is_none() {
            answer.keep(UDP_ANSWERS);
        }
        answer
    }
}

#[async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut response: R,
    ) -> ResponseInfo {
        let answer = self.answer(request);
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.authoritative = answer.authoritative;
        metadata.response_code = answer.code;
        let edns = request.edns.as_ref().map(|_| {
            let mut edns = Edns::new();
            edns.set_max_payload(LARGEST_PACKET);
            edns
        });
        let most = match (request.protocol(), request.edns.as_ref()) {
            (Protocol::Udp, edns) => {
                edns.map_or(0, |edns| edns.max_payload()).clamp(PLAIN_PACKET, LARGEST_PACKET)
            }
            _ => u16::MAX,
        };
        let names = request.queries.queries().iter().map(|query| query.original().name().len());
        let question: usize = names.map(|name| name + 4).sum();
        let records = answer.within(usize::from(most).saturating_sub(FRAME + question));
        metadata.truncation = records.cut;
        let message = MessageResponseBuilder::new(&request.queries, edns.as_ref()).build(
            metadata,
            records.answers,
            None,
            answer.soa.as_ref(),
            records.additional,
        );
        response.send_response(message).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "a DNS response was not sent");
            ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
        })
    }
}
