//! The metadata service as a process of its own.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let config: metadata::Config = service::parse(metadata::LISTEN);
    service::telemetry(&config.service);
    service::block_on(|stop| async move {
        let registry = service::registry(&config.service)?;
        metadata::run(config, registry, stop).await?;
        anyhow::Ok(())
    })
}
