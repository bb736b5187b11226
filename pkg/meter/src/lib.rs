//! The parts of metrics that `prometheus-client` lacks: values that are read when they are scraped, and histograms that
//! are counted without a lock.

mod histogram;
mod sampler;

pub use histogram::{Histogram, Totals};
pub use sampler::{Sampler, collect};
