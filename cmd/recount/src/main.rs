//! Compares what the rating service has stored with the topic.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use recount::Config;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match recount::run(&flags::parse::<Config>(std::env::args_os())).await {
        Ok(report) => {
            print!("{report}");
            if report.agrees() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
