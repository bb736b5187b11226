//! The aggregate of a sample.

use crate::record::Aggregate;
use model::{Histogram, Prior};

/// Returns the aggregate of ratings; `None` if there are none.
#[expect(clippy::cast_precision_loss, reason = "counts and sums stay far below 2^53")]
pub(super) fn aggregate(histogram: &Histogram, revision: i64) -> Option<Aggregate> {
    let (count, sum) = (histogram.count(), histogram.sum());
    (count > 0).then(|| Aggregate {
        count: count.cast_signed(),
        sum: sum.cast_signed(),
        mean: sum as f64 / count as f64,
        weighted_mean: Prior::default().weighted_mean(histogram),
        histogram: histogram.counts().map(u64::cast_signed).to_vec(),
        revision,
    })
}
