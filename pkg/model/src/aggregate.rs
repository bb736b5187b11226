//! The aggregate of all ratings of a record.

use crate::{Broken, Record, Value};

/// The number of ratings per value, value 1 first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram([u64; Value::COUNT]);

impl Histogram {
    /// Creates a histogram of these counts, value 1 first.
    #[must_use]
    pub const fn new(counts: [u64; Value::COUNT]) -> Self {
        Self(counts)
    }

    /// Returns the ten counts, value 1 first.
    #[must_use]
    pub const fn counts(&self) -> &[u64; Value::COUNT] {
        &self.0
    }

    /// Adds a rating of `value`.
    pub fn add(&mut self, value: Value) {
        self.0[value.index()] += 1;
    }

    /// Removes a rating of `value`; there must be one.
    pub fn remove(&mut self, value: Value) {
        self.0[value.index()] -= 1;
    }

    /// Returns the number of ratings.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Returns the sum of all values.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().zip(1..).map(|(count, value)| count * value).sum()
    }
}

/// The assumption about a record without ratings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    weight: f64,
    mean: f64,
}

impl Prior {
    /// Creates a prior `mean` (1 to 10) that weighs as much as `weight` ratings (0 to a million).
    pub fn new(weight: f64, mean: f64) -> Result<Self, Broken> {
        if !(0.0..=1e6).contains(&weight) {
            return Err(Broken::new(format!("weight must be 0 to 1000000, not {weight}")));
        }
        if !(1.0..=10.0).contains(&mean) {
            return Err(Broken::new(format!("mean must be 1 to 10, not {mean}")));
        }
        Ok(Self { weight, mean })
    }

    /// Returns the weight of the prior mean, as a number of ratings.
    #[must_use]
    pub const fn weight(self) -> f64 {
        self.weight
    }

    /// Returns the mean assumed for a record without ratings.
    #[must_use]
    pub const fn mean(self) -> f64 {
        self.mean
    }

    /// Returns the weighted mean of `histogram`: `v/(v+m)*R + m/(v+m)*C`, where `v` is the count, `R` the mean, `m`
    /// the prior weight and `C` the prior mean (the Bayesian average known from movie charts). Returns the prior mean
    /// if there is neither a rating nor a weight.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts and sums stay far below 2^53")]
    pub fn weighted_mean(self, histogram: &Histogram) -> f64 {
        let total = histogram.count() as f64 + self.weight;
        if total == 0.0 { self.mean } else { (histogram.sum() as f64 + self.weight * self.mean) / total }
    }
}

impl Default for Prior {
    /// A weight of 25 ratings and a mean of 6.9.
    fn default() -> Self {
        Self { weight: 25.0, mean: 6.9 }
    }
}

/// The aggregate of a record with at least one rating.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// The record.
    pub record: Record,
    /// The number of ratings per value.
    pub histogram: Histogram,
    /// The weighted mean, 1 to 10: the fewer ratings, the closer to the prior mean.
    pub weighted_mean: f64,
    /// Increases by one with every write that changes the histogram, also while the record has no ratings.
    pub revision: u64,
}

impl Aggregate {
    /// Returns the arithmetic mean of all values; 1 to 10.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts and sums stay far below 2^53")]
    pub fn mean(&self) -> f64 {
        self.histogram.sum() as f64 / self.histogram.count() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn count_and_sum_follow_from_histogram() {
        let mut histogram = Histogram::default();
        for value in [10, 10, 4] {
            histogram.add(Value::new(value).unwrap());
        }
        histogram.remove(Value::new(10).unwrap());
        assert_eq!((histogram.count(), histogram.sum()), (2, 14));
    }

    #[test]
    fn few_ratings_are_weighted_towards_prior() {
        let prior = Prior::new(25.0, 6.9).unwrap();
        let mut histogram = Histogram::default();
        assert!((prior.weighted_mean(&histogram) - 6.9).abs() < 1e-12);
        histogram.add(Value::new(10).unwrap());
        let expected = 1.0 / 26.0 * 10.0 + 25.0 / 26.0 * 6.9;
        assert!((prior.weighted_mean(&histogram) - expected).abs() < 1e-12);
    }

    #[test]
    fn prior_is_validated() {
        assert!(Prior::new(-1.0, 5.0).is_err());
        assert!(Prior::new(f64::NAN, 5.0).is_err());
        assert!(Prior::new(1.0, 0.5).is_err());
    }
}
