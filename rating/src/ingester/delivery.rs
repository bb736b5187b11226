//! Delivery guarantees: how often an event takes effect if the service crashes. They differ only in what the
//! transactions of a batch write, and in which order.

use clap::ValueEnum;
use std::fmt;

/// The delivery guarantee if the service crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Delivery {
    /// Events may be lost: offsets are stored before the ratings.
    AtMostOnce,
    /// Events may be applied twice: ratings are stored before the offsets.
    AtLeastOnce,
    /// Neither: ratings and offsets are stored in one transaction.
    ExactlyOnce,
}

/// What a transaction of a batch writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transaction {
    pub(super) ratings: bool,
    pub(super) offsets: bool,
}

const RATINGS: Transaction = Transaction { ratings: true, offsets: false };
const OFFSETS: Transaction = Transaction { ratings: false, offsets: true };
const BOTH: Transaction = Transaction { ratings: true, offsets: true };

impl Delivery {
    /// Returns the transactions of a batch. Each is committed before the next one begins.
    pub(super) const fn transactions(self) -> &'static [Transaction] {
        match self {
            Self::AtMostOnce => &[OFFSETS, RATINGS],
            Self::AtLeastOnce => &[RATINGS, OFFSETS],
            Self::ExactlyOnce => &[BOTH],
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtMostOnce => "at-most-once",
            Self::AtLeastOnce => "at-least-once",
            Self::ExactlyOnce => "exactly-once",
        })
    }
}
