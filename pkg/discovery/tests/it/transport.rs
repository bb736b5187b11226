//! The transports to Consul: a Unix socket, TLS with a private CA, and the token on each of them.

use crate::log::Log;
use crate::script::{Reply, Script};
use discovery::consul::{Config, Registry};
use discovery::{Instance, Registry as _};
use fault::{Fault, Kind};
use futures::StreamExt;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

fn instance() -> Instance {
    Instance {
        service: "rating".into(),
        id: "rating-1".into(),
        host: "127.0.0.1".into(),
        port: 1,
        tags: Vec::new(),
    }
}

/// Returns the error and its causes.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(|error| format!("{error}: ")).collect()
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Starts a server at 127.0.0.1 whose certificate is signed by `authority`.
fn acceptor(authority: &Authority) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn unix_socket_serves_writes_and_watches() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("consul.sock");
    let script =
        Script::start_unix(&path, [Reply::answer(200, ""), Reply::answer(200, ""), Reply::set(7, &[1])]);
    let config = Config { url: script.url.clone(), token: Some("s3cret".into()), ..Config::default() };
    let registry = Registry::new(config).unwrap();
    registry.register(&instance()).await.unwrap();
    assert_eq!(registry.watch("rating").next().await.unwrap().len(), 1);
    for request in script.requests() {
        assert!(request.contains("\r\nhost: localhost\r\n"), "{request}");
        assert!(request.contains("\r\nx-consul-token: s3cret\r\n"), "{request}");
    }
    std::fs::remove_file(path).unwrap();
    drop(script);
    let gone = Registry::new(Config {
        url: format!("unix://{}/none", folder.path().display()),
        ..Config::default()
    });
    assert_eq!(gone.unwrap().heartbeat(&instance()).await.unwrap_err().kind(), Kind::Unavailable);
}

#[tokio::test]
async fn tls_trusts_only_the_ca_file() {
    let folder = tempfile::tempdir().unwrap();
    let (right, wrong) = (authority(), authority());
    let script = Script::start_tls(acceptor(&right), [Reply::answer(200, ""), Reply::set(7, &[1])]).await;
    let registry =
        |ca: PathBuf| Registry::new(Config { url: script.url.clone(), ca: Some(ca), ..Config::default() });
    let wrong_file = written(folder.path(), "wrong.pem", &wrong.pem());
    let distrustful = registry(wrong_file.clone()).unwrap();
    let error = distrustful.heartbeat(&instance()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(chain(&error).contains("invalid peer certificate"), "{}", chain(&error));
    assert!(!distrustful.is_up());
    assert!(script.requests().is_empty());

    let bundle = written(folder.path(), "both.pem", &(wrong.pem() + &right.pem()));
    let trusting = registry(bundle).unwrap();
    trusting.heartbeat(&instance()).await.unwrap();
    assert_eq!(trusting.watch("rating").next().await.unwrap().len(), 1);

    for (name, text) in [("empty.pem", ""), ("key.pem", "not a certificate")] {
        let error = registry(written(folder.path(), name, text)).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidArgument);
        assert!(error.to_string().contains(name), "{error}");
    }
    let error = registry(folder.path().join("missing.pem")).unwrap_err();
    assert!(
        chain(&error).contains("missing.pem") && chain(&error).contains("No such file"),
        "{}",
        chain(&error)
    );
}

#[tokio::test]
async fn token_is_sent_and_never_logged() {
    let log = Log::start();
    let replies = [Reply::answer(200, ""), Reply::answer(403, "Permission denied"), Reply::set(7, &[1])];
    let script = Script::start(replies).await;
    let config = Config { url: script.url.clone(), token: Some("s3cret".into()), ..Config::default() };
    assert!(!format!("{config:?}").contains("s3cret"));
    let registry = Registry::new(config).unwrap();
    assert!(!format!("{registry:?}").contains("s3cret"));
    registry.heartbeat(&instance()).await.unwrap();
    let error = registry.heartbeat(&instance()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::PermissionDenied);
    assert!(!format!("{error:?}{}", chain(&error)).contains("s3cret"));
    assert_eq!(registry.watch("rating").next().await.unwrap().len(), 1);
    for request in script.requests() {
        assert!(request.contains("\r\nx-consul-token: s3cret\r\n"), "{request}");
    }
    assert!(log.text().contains("TRACE"), "all there is to log is in the log");
    assert!(!log.text().contains("s3cret"));

    let config = Config { token: Some("two\nlines".into()), ..Config::default() };
    let error = Registry::new(config).unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidArgument);
    assert!(!chain(&error).contains("lines"), "{}", chain(&error));
}
