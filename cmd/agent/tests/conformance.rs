//! The Consul client against this agent, under the cases that every registry must pass.

use agent::Config;
use discovery::conformance::{CASES, Case, Run};
use discovery::consul;
use libtest_mimic::{Arguments, Failed, Trial};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

fn main() {
    let trial = |&(name, case): &Case| Trial::test(format!("agent::{name}"), move || run(case));
    libtest_mimic::run(&Arguments::from_args(), CASES.iter().map(trial).collect()).exit();
}

fn run(case: Run) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let stop = CancellationToken::new();
        let agent = tokio::spawn(agent::serve(listener, Config::default(), stop.clone()));
        let registry = consul::Registry::new(consul::Config { url, ..consul::Config::default() })?;
        case(Arc::new(registry)).await?;
        stop.cancel();
        Ok(agent.await??)
    })
}
