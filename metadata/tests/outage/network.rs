//! A network path to PostgreSQL that dies silently with statements in flight.

use crate::{Outcome, begin, config, until_locked};
use axum::http::{Method, StatusCode};
use discovery::Registry;
use futures::future::join_all;
use service::testing::Running;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::testing::{Database, Proxy};

const BLOCK: &str = "SELECT last FROM revision FOR UPDATE";
const FAILED: [StatusCode; 2] = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT];

struct Service(Running);

impl Service {
    async fn start(url: &str) -> Self {
        let (config, registry): (_, Arc<dyn Registry>) = (config(url), discovery::memory::Registry::new());
        let running =
            Running::start("metadata", &registry, |registry, stop| metadata::run(config, registry, stop));
        Self(running.await.unwrap())
    }

    async fn put(&self, id: usize) -> StatusCode {
        let body = Some(r#"{"title":"Heat"}"#);
        self.0.send(Method::PUT, &format!("/v1/metadata/{id}"), body).await.unwrap().status
    }

    async fn get(&self, path: &str) -> StatusCode {
        self.0.get(path).await.unwrap().status
    }

    async fn ready(&self) -> Result<(), String> {
        let response = self.0.get("/readyz").await.unwrap();
        let text = String::from_utf8_lossy(&response.body).into_owned();
        if response.status == StatusCode::OK { Ok(()) } else { Err(text) }
    }
}

async fn until(name: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(30), "{name} does not hold");
    }
}

pub(crate) async fn dead_network_costs_deadlines_and_heals(database: Database) -> Outcome {
    let proxy = Proxy::start(&database.options()).await?;
    let service = Service::start(&proxy.url()).await;
    assert_eq!(service.put(0).await, StatusCode::CREATED);
    assert_eq!(service.ready().await, Ok(()));

    // Blocked writes do not block reads, and make the service unready.
    let mut blocking = begin(&database, BLOCK).await?;
    let puts = join_all((0..10).map(|id| service.put(id)));
    let gets = async {
        until_locked(&database, "transactionid").await.unwrap();
        join_all((0..8).map(|_| service.get("/v1/metadata/0"))).await
    };
    let (puts, gets) = tokio::join!(puts, gets);
    assert_eq!(gets, [StatusCode::OK; 8]);
    assert!(puts.iter().all(|status| FAILED.contains(status)), "{puts:?}");
    until("stalled writes make the service unready", async || {
        service.ready().await.is_err_and(|reason| reason.contains("writes are stalled"))
    })
    .await;
    assert_eq!(service.get("/v1/metadata/0").await, StatusCode::OK);

    proxy.swallow();
    sqlx::raw_sql("ROLLBACK").execute(&mut blocking).await?;
    for _ in 0..3 {
        let began = Instant::now();
        let (put, get, ready) = tokio::join!(service.put(1), service.get("/v1/metadata/0"), service.ready());
        assert!(FAILED.contains(&put) && FAILED.contains(&get), "{put} {get}");
        assert!(ready.is_err());
        assert!(began.elapsed() < Duration::from_secs(4), "it took {:?}", began.elapsed());
    }

    proxy.heal();
    until("the service has recovered", async || {
        let written = service.put(1).await.is_success() && service.put(0).await.is_success();
        written && service.get("/v1/metadata/0").await == StatusCode::OK && service.ready().await.is_ok()
    })
    .await;
    assert_eq!(join_all((0..8).map(|_| service.get("/v1/metadata/1"))).await, [StatusCode::OK; 8]);

    let _blocking = begin(&database, BLOCK).await?;
    let (put, _) = tokio::join!(service.put(2), async {
        until_locked(&database, "transactionid").await.unwrap();
        proxy.swallow();
    });
    assert!(FAILED.contains(&put), "{put}");
    let began = Instant::now();
    service.0.stop().await?;
    assert!(began.elapsed() < Duration::from_secs(6), "stopping took {:?}", began.elapsed());
    Ok(())
}
