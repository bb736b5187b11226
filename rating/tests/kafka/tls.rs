//! Ingestion through a listener with TLS and SCRAM-SHA-512, where `MARQUEE_TEST_KAFKA_TLS` names the settings of a client
//! (`scripts/kafka start --sasl-ssl` writes them) and the build has the cargo feature `kafka-tls`.

use crate::broker::Broker;
use crate::puts;
use crate::service::{Service, wait_for};
use rating::repository::memory;
use std::sync::Arc;

/// The variable that names a file of librdkafka's settings.
const CLIENT: &str = "MARQUEE_TEST_KAFKA_TLS";

/// The settings of a client; the reason why tests are ignored, if there are none or the build can't use them.
pub(crate) fn client() -> Result<Vec<(String, String)>, String> {
    if !cfg!(feature = "kafka-tls") {
        return Err("built without the cargo feature kafka-tls".to_owned());
    }
    let path = std::env::var(CLIENT).map_err(|_| format!("{CLIENT} names no settings"))?;
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

fn start(broker: &Broker, client: &[(String, String)], password: Option<&str>) -> Service {
    Service::start_with(broker, Arc::new(memory::Repository::new()), |config| {
        for (key, value) in client {
            match key.as_str() {
                "bootstrap.servers" => config.kafka = Some(value.clone()),
                "sasl.password" if password.is_some() => {}
                _ => config.options.push((key.clone(), value.clone())),
            }
        }
        config.options.extend(password.map(|password| ("sasl.password".to_owned(), password.to_owned())));
    })
}

pub(crate) async fn events_and_dead_letters_pass_through(client: Vec<(String, String)>) {
    let broker = Broker::start(1).await;
    broker.send(None, None, Some(b"bad"));
    broker.produce(&puts(0..10));
    let service = start(&broker, &client, None);
    wait_for("the events", || async { service.events("created") == 10 && service.is_ready() }).await;
    assert_eq!(broker.read_dead_letters(1)[0].value.as_deref(), Some(&b"bad"[..]));
    service.stop().await;
}

pub(crate) async fn wrong_password_is_reported(client: Vec<(String, String)>) {
    let broker = Broker::start(1).await;
    let service = start(&broker, &client, Some("wrong"));
    wait_for("the refusal", || async {
        service.ready().is_err_and(|trouble| trouble.contains("the Kafka brokers reject the service"))
    })
    .await;
    service.stop().await;
}
