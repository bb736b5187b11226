//! The process around a service: runtime, signals, exit code.

use crate::problem::chain;
use crate::telemetry;
use std::error::Error;
use std::future::Future;
use std::process::ExitCode;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Runs the future returned by `run` on a runtime of `threads` threads until it ends. Requests are served on the
/// workers' runtimes; the tasks of this one mostly wait for databases and brokers, and on few cores more than one
/// thread would only wake each other on few cores.
///
/// The token is cancelled on the first SIGINT or SIGTERM; a second signal ends the process without waiting. SIGUSR1 sets
/// the filter of the log to `debug`, the next one restores it. The exit code is 0 after an orderly stop and 1 after a
/// failure, which is logged once. The rest of the log is written last, for at most a second.
pub fn block_on<F, E>(threads: usize, run: impl FnOnce(CancellationToken) -> F) -> ExitCode
where
    F: Future<Output = Result<(), E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let _flush = telemetry::FlushOnDrop;
    let mut builder = if threads > 1 { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    let ended = builder.worker_threads(threads.max(1)).enable_all().build().and_then(|runtime| {
        let ended = runtime.block_on(until_signalled(run));
        // A blocking call that hangs must not keep the process alive.
        runtime.shutdown_background();
        ended
    });
    match ended {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => failed(&*error.into()),
        Err(error) => failed(&error),
    }
}

async fn until_signalled<F, E>(
    run: impl FnOnce(CancellationToken) -> F,
) -> Result<Result<(), E>, std::io::Error>
where
    F: Future<Output = Result<(), E>>,
{
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut toggle_debug = signal(SignalKind::user_defined1())?;
    let stop = CancellationToken::new();
    let running = run(stop.clone());
    tokio::pin!(running);
    loop {
        let name = tokio::select! {
            ended = &mut running => return Ok(ended),
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
            _ = toggle_debug.recv() => {
                telemetry::toggle_debug();
                continue;
            }
        };
        if stop.is_cancelled() {
            return Err(std::io::Error::other(format!("received {name} again before all calls had ended")));
        }
        tracing::info!(signal = name, "stopping");
        stop.cancel();
    }
}

fn failed(error: &(dyn Error + 'static)) -> ExitCode {
    let cause = chain(error);
    if tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!("{cause}");
    } else {
        telemetry::print(&format!("error: {cause}"));
    }
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Barrier};

    #[test]
    fn tasks_run_on_configured_number_of_threads() {
        let ended = block_on(3, |_| async {
            let barrier = Arc::new(Barrier::new(3));
            let meet = || {
                let barrier = Arc::clone(&barrier);
                // With fewer threads this would never pass.
                tokio::spawn(async move { barrier.wait().is_leader() })
            };
            let meeting = [meet(), meet(), meet()];
            let mut leaders = 0;
            for task in meeting {
                leaders += usize::from(task.await?);
            }
            assert_eq!(leaders, 1);
            Ok::<_, Box<dyn Error + Send + Sync>>(())
        });
        assert_eq!(ended, ExitCode::SUCCESS);
    }
}
