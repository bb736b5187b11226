//! Secrets are planted in everything that a program is configured with and asked, things are made to fail, and nothing
//! that it writes may contain them: its log at level trace, its metrics, its responses, its help.

use crate::process::{devstack, free_port};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Part of every planted secret.
const SECRET: &str = "hunter2";

/// All of the project's crates at level trace. Those of others have levels that print whole messages.
const LOG: &str = "info,agent=trace,client=trace,devstack=trace,discovery=trace,kafka=trace,librdkafka=trace,\
                   metadata=trace,movie=trace,rating=trace,service=trace,storage=trace,trace=trace,access=trace";

/// The variables that may contain secrets.
const VARIABLES: [(&str, &str); 7] = [
    ("CONSUL_HTTP_TOKEN", "token-hunter2"),
    ("DATABASE_URL", "postgres://me:hunter2@127.0.0.1:9/films?options=hunter2"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2,x-key=hunter2"),
    ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "x-key=hunter2"),
    ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-key=hunter2"),
    ("METADATA_URL", "http://me:hunter2@127.0.0.1:9"),
    ("RATING_URL", "http://me:hunter2@127.0.0.1:9"),
];

fn assert_secret_free(what: &str, text: &str) {
    assert!(!text.contains(SECRET), "{what}: {text}");
}

fn output(mut command: Command) -> (Output, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = [&output.stdout[..], &output.stderr].concat();
    (output, String::from_utf8(text).unwrap())
}

/// A running part, whose log is read after its end.
struct Part(Child);

impl Part {
    fn start(part: &str, arguments: &[&str]) -> Self {
        let mut command = devstack();
        command.arg(part).args(arguments).env("RUST_LOG", LOG).env("ACCESS_LOG", "true").envs(VARIABLES);
        Self(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Stops the part and returns its log.
    fn stop(mut self) -> String {
        Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap();
        let mut log = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        self.0.wait().unwrap();
        log
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        _ = self.0.kill();
    }
}

/// Sends `request` on a connection of its own and returns the whole response, if there is one.
fn exchange(port: u16, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response).ok()?;
    Some(String::from_utf8_lossy(&response).into_owned())
}

fn await_response(port: u16, path: &str) {
    let began = Instant::now();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    while exchange(port, &request).is_none_or(|response| response.is_empty()) {
        assert!(began.elapsed() < Duration::from_secs(60), "nothing responds on {port}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends requests that carry secrets in their headers, and returns the responses; each is to fail in its own way.
fn provoke(port: u16, paths: &[&str]) -> Vec<String> {
    let secrets = "authorization: Bearer hunter2\r\ncookie: session=hunter2\r\nx-consul-token: hunter2\r\n";
    let mut responses = Vec::new();
    for path in paths {
        for (method, more, body) in [
            ("GET", "", ""),
            ("GET", "x-request-id: inject hunter2\r\n", ""),
            ("GET", "x-request-id: inject\thunter2\"level\":\"ERROR\r\n", ""),
            ("PUT", "content-type: application/json\r\ncontent-length: 1\r\n", "{"),
            ("POST", "content-type: application/grpc\r\nte: trailers\r\ncontent-length: 5\r\n", "\0\0\0\0\0"),
            ("PATCH", "transfer-encoding: hunter2\r\n", ""),
            ("GET", "authorization hunter2\r\n", ""),
        ] {
            let head = format!(
                "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{secrets}{more}"
            );
            responses.extend(exchange(port, &format!("{head}\r\n{body}")));
        }
    }
    let metrics = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    responses.push(exchange(port, metrics).unwrap());
    responses
}

#[test]
fn help_shows_no_secret() {
    for part in [&[][..], &["agent"], &["metadata"], &["rating"], &["movie"]] {
        for help in ["--help", "-h"] {
            let mut command = devstack();
            command.args(part).arg(help).envs(VARIABLES).env("AGENT_TOKEN", SECRET);
            command.env("CONSUL_HTTP_ADDR", "http://me:hunter2@127.0.0.1:9");
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:hunter2@127.0.0.1:9");
            let (output, text) = output(command);
            assert_eq!(output.status.code(), Some(0), "{part:?}: {text}");
            assert_secret_free(&format!("{part:?} {help}"), &text);
        }
    }
}

#[test]
fn invalid_argument_shows_no_secret() {
    for (part, arguments) in [
        ("metadata", &["--database", "postgres://me:hunter2@host:x/films"][..]),
        ("metadata", &["--database", "mysql://me:hunter2@host/films"]),
        ("metadata", &["--consul", "http://me:hunter2@host:99999"]),
        ("metadata", &["--otlp-endpoint", "http://me:hunter2@127.0.0.1:9"]),
        ("metadata", &["--listen", "http://me:hunter2@host"]),
        ("rating", &["--kafka", "127.0.0.1:9", "--kafka-option", "sasl.pasword=hunter2"]),
        ("rating", &["--kafka", "127.0.0.1:9", "--kafka-option", "ssl.key.pem=hunter2"]),
        ("movie", &["--metadata-url", "ftp://me:hunter2@host"]),
        ("movie", &["http://me:hunter2@host"]),
        ("agent", &["--listen", "http://me:hunter2@host"]),
    ] {
        let mut command = devstack();
        command.arg(part).args(arguments);
        let (output, text) = output(command);
        assert_eq!(output.status.code(), Some(2), "{part} {arguments:?}: {text}");
        assert_secret_free(&format!("{part} {arguments:?}"), &text);
    }
    let mut command = devstack();
    command.args(["--consul", "http://me:hunter2@host:99999"]);
    assert_secret_free("devstack", &output(command).1);
}

#[test]
fn start_that_fails_logs_no_secret() {
    for part in ["metadata", "rating"] {
        let mut command = devstack();
        let kafka = ["--kafka", "127.0.0.1:9", "--kafka-option", "sasl.password=hunter2"];
        command.args([part, "--port", "0", "--registry", "none", "--log-format", "json"]);
        command.args(if part == "rating" { &kafka[..] } else { &[] }).envs(VARIABLES).env("RUST_LOG", LOG);
        let (output, text) = output(command);
        assert_eq!(output.status.code(), Some(1), "{part}: {text}");
        assert!(text.contains("127.0.0.1:9/films"), "{part}: {text}");
        assert_secret_free(part, &text);
    }
}

#[test]
fn running_service_shows_no_secret() {
    // A registry that refuses everything, and repeats what it was sent.
    let registry = TcpListener::bind("127.0.0.1:0").unwrap();
    let consul = format!("http://me:hunter2@{}", registry.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in registry.incoming().flatten() {
            let mut stream = stream;
            _ = stream.read(&mut [0; 4096]);
            let refusal = "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 17\r\n\r\n";
            _ = stream.write_all(format!("{refusal}permission denied").as_bytes());
        }
    });
    let endpoint = "http://127.0.0.1:9";
    for (part, flags) in [
        ("metadata", &["--database", "memory:"][..]),
        (
            "rating",
            &[
                "--database",
                "memory:",
                "--kafka",
                "127.0.0.1:9",
                "--kafka-option",
                "security.protocol=sasl_plaintext",
                "--kafka-option",
                "sasl.mechanisms=PLAIN",
                "--kafka-option",
                "sasl.username=me",
                "--kafka-option",
                "sasl.password=hunter2",
            ],
        ),
        ("movie", &["--metadata-url", endpoint, "--rating-url", endpoint]),
    ] {
        let port = free_port();
        let port_text = port.to_string();
        let shared = ["--port", &port_text, "--consul", &consul, "--otlp-endpoint", endpoint];
        let process = Part::start(part, &[&shared[..], flags].concat());
        await_response(port, "/healthz");
        let paths = [
            "/v1/metadata/1",
            "/v1/movies/1",
            "/v1/records/movie/1/rating",
            "/metadata.v1.MetadataService/GetMetadata",
            "/readyz",
            "/admin/log",
            "/nowhere",
        ];
        for response in provoke(port, &paths) {
            assert_secret_free(part, &response);
        }
        let log = process.stop();
        assert!(log.contains("\"target\":\"access\"") && log.contains("\"request_id\":"), "{part}: {log}");
        assert!(log.contains("can't be exported") && log.contains("registry"), "{part}: {log}");
        assert_secret_free(part, &log);
    }
}

#[test]
fn running_agent_shows_no_secret() {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let process = Part::start("agent", &["--listen", &listen, "--token", SECRET]);
    await_response(port, "/v1/status/leader");
    let paths = ["/v1/catalog/services", "/v1/agent/service/register", "/nowhere"];
    let responses = provoke_agent(port, &paths);
    responses.iter().for_each(|response| assert_secret_free("agent", response));
    assert_secret_free("agent", &process.stop());
}

/// Like [`provoke`]; the agent has no metrics.
fn provoke_agent(port: u16, paths: &[&str]) -> Vec<String> {
    let request = |method: &str, path: &str, body: &str| {
        let len = body.len();
        format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-consul-token: wrong-{SECRET}\r\n\
             authorization: Bearer {SECRET}\r\ncontent-length: {len}\r\n\r\n{body}"
        )
    };
    let requests = paths.iter().flat_map(|path| [request("GET", path, ""), request("PUT", path, "{")]);
    requests.filter_map(|request| exchange(port, &request)).collect()
}
