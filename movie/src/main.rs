//! The movie service as a process of its own.

use clap::CommandFactory;
use clap::error::ErrorKind;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let config: movie::Config = service::parse(movie::LISTEN);
    if let Err(error) = config.check() {
        movie::Config::command().error(ErrorKind::MissingRequiredArgument, error).exit();
    }
    service::telemetry(&config.service);
    service::block_on(|stop| async move {
        let registry = service::registry_with_grace(&config.service, config.registry_grace)?;
        movie::run(config, registry, stop).await?;
        anyhow::Ok(())
    })
}
