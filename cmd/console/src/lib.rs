//! The console: one page that shows a running fleet. It is an ordinary consumer of standard interfaces: it receives
//! OTLP over gRPC, scrapes `/metrics`, watches the registry and reads public routes.
//!
//! Everything it keeps is in memory and bounded. In production, Jaeger, Prometheus and Grafana replace it.

mod assets;
pub mod config;
mod dead_letters;
mod exposition;
pub mod faults;
mod fetch;
mod fleet;
mod ingestion;
mod logs;
mod observe;
mod otlp;
mod share;
mod stores;
mod system;
mod text;
mod time;
mod traces;
mod web;

pub use config::Config;
pub use faults::Faults;

use anyhow::Context;
use axum::serve::ListenerExt;
use config::Cli;
use dead_letters::DeadLetters;
use discovery::{Registry, consul};
use fetch::Fetcher;
use observe::Observer;
use std::ffi::OsString;
use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stores::Stores;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use web::{App, Origin, Token};

/// How long requests in flight may take after the console is asked to stop.
const DRAIN: Duration = Duration::from_secs(1);

/// Runs the console with `arguments`, the first of which is the program's name, and the environment, until the process
/// is asked to stop. Exits if they are invalid or request help.
#[must_use]
pub fn process(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = flags::parse::<Cli>(arguments);
    service::log(&cli.log, cli.log_format);
    service::block_on(2, |stop| async move {
        let consul = consul::Config {
            url: cli.config.consul.clone(),
            token: cli.config.consul_token.clone().filter(|token| !token.is_empty()),
            ..consul::Config::default()
        };
        let registry = Arc::new(consul::Registry::new(consul)?);
        run(cli.config, registry, None, stop).await
    })
}

/// Listens on the addresses of `config` and serves until `stop` is cancelled.
///
/// # Errors
///
/// Fails if an address of `config` can't be listened on.
pub async fn run(
    config: Config,
    registry: Arc<dyn Registry>,
    faults: Option<Arc<dyn Faults>>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    bind(config).await?.run(registry, faults, stop).await
}

/// Listens on the addresses of `config`. Connections wait until [`Bound::run`] is called.
///
/// # Errors
///
/// Fails with the port and its flag if an address can't be listened on.
pub async fn bind(config: Config) -> anyhow::Result<Bound> {
    let (http, address) = listen("the console", "listen", config.listen).await?;
    let (otlp, otlp_address) = listen("the OTLP receiver", "otlp-listen", config.otlp_listen).await?;
    Ok(Bound { config, http, address, otlp, otlp_address })
}

/// A console that listens but does not serve yet.
#[derive(Debug)]
pub struct Bound {
    config: Config,
    http: TcpListener,
    address: SocketAddr,
    otlp: TcpListener,
    otlp_address: SocketAddr,
}

impl Bound {
    /// Returns the address of the page.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address of the OTLP/gRPC receiver.
    #[must_use]
    pub fn otlp_address(&self) -> SocketAddr {
        self.otlp_address
    }

    /// Serves until `stop` is cancelled. The console shows the instances that `registry` contains. Without `faults` its
    /// page offers none.
    ///
    /// # Errors
    ///
    /// Fails if a server fails.
    pub async fn run(
        self,
        registry: Arc<dyn Registry>,
        faults: Option<Arc<dyn Faults>>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let Self { config, http, address, otlp, otlp_address } = self;
        tracing::info!(page = %format_args!("http://{address}/"), otlp = %otlp_address, "the console is up");
        let (stores, fetcher) = (Arc::new(Stores::new()), Fetcher::new());
        let (sender, latest) = watch::channel(Arc::default());
        let letters = Arc::new(Mutex::new(DeadLetters::new(&config.dead_letters)));
        let letters_end = stop.child_token();
        let _ends_letters = letters_end.clone().drop_guard();
        if let Some(brokers) = config.kafka.clone() {
            let (options, letters) = (config.kafka_options.clone(), Arc::clone(&letters));
            std::thread::Builder::new()
                .name("dead-letters".to_owned())
                .spawn(move || dead_letters::read(&brokers, &options, &letters, &letters_end))
                .context("can't start the thread that reads dead letters")?;
        }
        let app = App {
            config: config.clone(),
            origin: Origin::new(address),
            token: Token::random(),
            stores: Arc::clone(&stores),
            latest,
            fetcher: fetcher.clone(),
            faults,
            pages: Arc::new(Semaphore::new(web::MAX_PAGES)),
            stop: stop.clone(),
        };
        let observer = Observer {
            config,
            otlp: otlp_address,
            registry,
            fetcher,
            stores: Arc::clone(&stores),
            letters,
            latest: sender,
        };
        let http = http.tap_io(|connection| {
            // If this fails, small responses are only delayed.
            let _ = connection.set_nodelay(true);
        });
        let server = axum::serve(http, web::router(Arc::new(app)));
        let server = server.with_graceful_shutdown(stop.clone().cancelled_owned()).into_future();
        let receiver = otlp::serve(otlp, stores, stop.clone());
        let serving = async {
            let serve = async { server.await.context("the console's server failed") };
            let receive = async { receiver.await.context("the OTLP receiver failed") };
            tokio::try_join!(serve, receive).map(drop)
        };
        let overdue = async {
            stop.cancelled().await;
            tokio::time::sleep(DRAIN).await;
        };
        tokio::select! {
            ended = serving => ended,
            () = observer.run() => Ok(()),
            () = overdue => Ok(()),
        }
    }
}

async fn listen(part: &str, flag: &str, address: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let refused = |error: &io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "port {} is in use: {part} needs {address}, select another address with --{flag}",
            address.port()
        ),
        _ => format!("{part} can't listen on {address}: select another address with --{flag}"),
    };
    let listener = TcpListener::bind(address).await.map_err(|error| {
        let text = refused(&error);
        anyhow::Error::new(error).context(text)
    })?;
    let address = listener.local_addr().with_context(|| format!("{part} has no address"))?;
    Ok((listener, address))
}
