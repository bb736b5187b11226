//! The movie service as a process of its own.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let config: movie::Config = service::parse(movie::LISTEN);
    service::telemetry(&config.service);
    service::block_on(|stop| async move {
        let registry = service::registry(&config.service)?;
        movie::run(config, registry, stop).await?;
        anyhow::Ok(())
    })
}
