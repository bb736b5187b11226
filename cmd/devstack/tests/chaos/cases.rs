//! The cases: what fails, and what must hold meanwhile.

use std::time::Duration;

pub(crate) mod backends;
pub(crate) mod faulty;
pub(crate) mod membership;
pub(crate) mod registry;

const SECOND: Duration = Duration::from_secs(1);
