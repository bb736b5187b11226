//! The registry in memory under the cases that every registry must pass.

use discovery::conformance::CASES;
use discovery::memory;
use libtest_mimic::{Arguments, Trial};

fn main() {
    let trial = |&(name, case): &discovery::conformance::Case| {
        Trial::test(format!("memory::{name}"), move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Ok(runtime.block_on(case(memory::Registry::new()))?)
        })
    };
    libtest_mimic::run(&Arguments::from_args(), CASES.iter().map(trial).collect()).exit();
}
