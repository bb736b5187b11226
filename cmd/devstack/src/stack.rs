//! The life cycle of the stack: start every part, fill it, keep it running, stop it.

mod announce;
mod console;
mod databases;
mod filling;
mod instance;
mod ports;
mod printer;
mod running;
mod services;
#[cfg(test)]
mod tests;
pub(crate) mod topics;

use crate::config::Stack;
use crate::loading::source::Source;
use ports::Wanted;
use running::Running;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// Runs the whole stack, filled from `source`, until `stop`; `began` is the start of the process.
pub async fn run(
    config: Stack,
    source: Source,
    began: Instant,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    ports::check(&wanted(&config))?;
    let mut running = Running::start(&config, &source).await?;
    let outcome = running.serve(&source, began, &stop).await;
    // A load in progress must be stopped, whatever the reason of the end.
    stop.cancel();
    let stopped = running.stop().await;
    outcome.and(stopped)
}

/// Returns the parts that will listen.
fn wanted(config: &Stack) -> Vec<Wanted> {
    let listen = &config.listen;
    let console = [("the console", "console", listen.console), ("the console", "otlp-listen", listen.otlp)];
    let console = console.into_iter().filter(|_| !config.no_console);
    let agent = config.consul.is_none().then_some(("the registry", "agent-listen", listen.agent));
    let broker = config.kafka.is_none().then_some(("the broker", "kafka-listen", listen.broker));
    let services = [
        ("metadata", "metadata-listen", listen.metadata),
        ("rating", "rating-listen", listen.rating),
        ("movie", "movie-listen", listen.movie),
    ];
    let all = console.chain(agent).chain(broker).chain(services);
    all.map(|(part, flag, address)| Wanted { part, flag, address }).collect()
}
