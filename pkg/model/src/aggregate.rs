//! What all ratings of one record come to.

use crate::{Broken, Record, Value};

/// How many ratings a record has of each value, 1 first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram([u64; Value::COUNT]);

impl Histogram {
    /// A histogram of these counts, that of value 1 first.
    #[must_use]
    pub const fn new(counts: [u64; Value::COUNT]) -> Self {
        Self(counts)
    }

    /// The ten counts, that of value 1 first.
    #[must_use]
    pub const fn counts(&self) -> &[u64; Value::COUNT] {
        &self.0
    }

    /// Counts one more rating of `value`.
    pub fn add(&mut self, value: Value) {
        self.0[value.index()] += 1;
    }

    /// Counts one rating of `value` less; there must be one.
    pub fn remove(&mut self, value: Value) {
        self.0[value.index()] -= 1;
    }

    /// How many ratings there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The sum of all values.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().zip(1..).map(|(count, value)| count * value).sum()
    }
}

/// What is assumed of a record before anyone rated it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    weight: f64,
    mean: f64,
}

impl Prior {
    /// A prior `mean` (1 to 10) that weighs as much as `weight` ratings (0 to a million).
    pub fn new(weight: f64, mean: f64) -> Result<Self, Broken> {
        if !(0.0..=1e6).contains(&weight) {
            return Err(Broken::new(format!("weight must be 0 to 1000000, not {weight}")));
        }
        if !(1.0..=10.0).contains(&mean) {
            return Err(Broken::new(format!("mean must be 1 to 10, not {mean}")));
        }
        Ok(Self { weight, mean })
    }

    /// How many ratings the prior mean weighs as much as.
    #[must_use]
    pub const fn weight(self) -> f64 {
        self.weight
    }

    /// The mean assumed of an unrated record.
    #[must_use]
    pub const fn mean(self) -> f64 {
        self.mean
    }

    /// The weighted mean of `histogram`: `v/(v+m)*R + m/(v+m)*C`, where `v` is the count, `R` the mean, `m`
    /// the prior weight and `C` the prior mean (the Bayesian average known from film charts). The prior mean
    /// where there is neither a rating nor a weight.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts and sums stay far below 2^53")]
    pub fn weighted_mean(self, histogram: &Histogram) -> f64 {
        let total = histogram.count() as f64 + self.weight;
        if total == 0.0 { self.mean } else { (histogram.sum() as f64 + self.weight * self.mean) / total }
    }
}

impl Default for Prior {
    /// 25 ratings of 6.9.
    fn default() -> Self {
        Self { weight: 25.0, mean: 6.9 }
    }
}

/// What all ratings of one record come to; it has at least one.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// The record.
    pub record: Record,
    /// How many ratings it has of each value.
    pub histogram: Histogram,
    /// The mean, drawn towards the prior mean as far as ratings are few; 1 to 10.
    pub weighted_mean: f64,
    /// Grows by one with every write that changes the histogram, also over times without any rating.
    pub revision: u64,
}

impl Aggregate {
    /// The arithmetic mean of all values; 1 to 10.
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
    fn count_and_sum_follow_from_the_histogram() {
        let mut histogram = Histogram::default();
        for value in [10, 10, 4] {
            histogram.add(Value::new(value).unwrap());
        }
        histogram.remove(Value::new(10).unwrap());
        assert_eq!((histogram.count(), histogram.sum()), (2, 14));
    }

    #[test]
    fn few_ratings_are_drawn_towards_the_prior() {
        let prior = Prior::new(25.0, 6.9).unwrap();
        let mut histogram = Histogram::default();
        assert!((prior.weighted_mean(&histogram) - 6.9).abs() < 1e-12);
        histogram.add(Value::new(10).unwrap());
        let expected = 1.0 / 26.0 * 10.0 + 25.0 / 26.0 * 6.9;
        assert!((prior.weighted_mean(&histogram) - expected).abs() < 1e-12);
    }

    #[test]
    fn a_prior_stays_in_range() {
        assert!(Prior::new(-1.0, 5.0).is_err());
        assert!(Prior::new(f64::NAN, 5.0).is_err());
        assert!(Prior::new(1.0, 0.5).is_err());
    }
}
