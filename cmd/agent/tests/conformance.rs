//! The Consul clients (our own, and the one on consulrs if it is built) against this agent, under the cases that
//! every registry must pass.

use agent::Config;
use async_trait::async_trait;
use discovery::conformance::{Consul, Power, Subject, trials};
use discovery::{Error, Instance, Registry, consul};
use futures::FutureExt;
use libtest_mimic::{Arguments, Failed};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

fn main() {
    let all = [
        trials("agent", None, || start(consul::Registry::new).boxed()),
        #[cfg(feature = "consulrs")]
        trials("consulrs", None, || start(discovery::consulrs::registry).boxed()),
    ];
    libtest_mimic::run(&Arguments::from_args(), all.into_iter().flatten().collect()).exit();
}

async fn start(
    registry: impl FnOnce(consul::Config) -> Result<consul::Registry, Error>,
) -> Result<Box<dyn Subject>, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let config = consul::Config { url: format!("http://{address}"), ..consul::Config::default() };
    let consul = Consul::new(config.clone(), registry(config)?);
    Ok(Box::new(Running { consul, address, stop: Mutex::new(agent_on(listener)) }))
}

/// Starts an agent, and returns the handle that stops it.
fn agent_on(listener: TcpListener) -> CancellationToken {
    let stop = CancellationToken::new();
    tokio::spawn(agent::serve(listener, Config::default(), stop.clone()));
    stop
}

/// A registry of an agent that can be stopped and restarted.
struct Running {
    consul: Consul,
    address: SocketAddr,
    stop: Mutex<CancellationToken>,
}

#[async_trait]
impl Subject for Running {
    fn registry(&self) -> Arc<dyn Registry> {
        self.consul.registry()
    }

    fn lacks(&self, _: Power) -> Option<&'static str> {
        None
    }

    async fn restart(&self) -> Result<(), Failed> {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner).cancel();
        let listener = loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => break listener,
                Err(_) => sleep(Duration::from_millis(5)).await,
            }
        };
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = agent_on(listener);
        Ok(())
    }

    async fn fail(&self, instance: &Instance) -> Result<(), Failed> {
        self.consul.fail(instance).await
    }
}
