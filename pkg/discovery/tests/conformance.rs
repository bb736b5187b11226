//! The cases that every registry must pass, for the registry in memory and for our client with the Consul of
//! `CONSUL_HTTP_ADDR`, if set.

use discovery::conformance::{Consul, Subject, trials};
use discovery::{consul, memory};
use futures::FutureExt;
use libtest_mimic::{Arguments, Failed};
use std::env;

fn main() {
    let mut all = trials("memory", None, || memory().boxed());
    let missing = env::var_os("CONSUL_HTTP_ADDR").is_none();
    let missing = missing.then_some("CONSUL_HTTP_ADDR names no Consul");
    all.extend(trials("consul", missing, || consul().boxed()));
    libtest_mimic::run(&Arguments::from_args(), all).exit();
}

async fn memory() -> Result<Box<dyn Subject>, Failed> {
    Ok(Box::new(memory::Registry::new()))
}

async fn consul() -> Result<Box<dyn Subject>, Failed> {
    let config = consul::Config {
        url: env::var("CONSUL_HTTP_ADDR")?,
        token: env::var("CONSUL_HTTP_TOKEN").ok(),
        ca: env::var_os("CONSUL_CACERT").map(Into::into),
        ..consul::Config::default()
    };
    Ok(Box::new(Consul::new(config.clone(), consul::Registry::new(config)?)))
}
