//! A record in a format, ready to be measured: the loops are compiled with the format's own functions, and
//! only a complete loop is called through a trait object.

use anyhow::{Context, Result, ensure};
use std::fmt::Debug;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// A record in a format.
pub trait Subject {
    /// Returns the encoded record.
    fn bytes(&self) -> &[u8];
    /// Decodes `bytes`, possibly written by another program, and compares the result with the record.
    fn compare(&self, bytes: &[u8]) -> Result<()>;
    /// Measures encoding the record `times` times, each time into a new buffer that is dropped again.
    fn encode(&self, times: u64) -> Duration;
    /// Measures decoding the record `times` times, each time into owned values that are dropped again.
    fn decode(&self, times: u64) -> Duration;
    /// Measures reading every field in place `times` times, without owning anything; `None` if the
    /// format can't.
    fn visit(&self, times: u64) -> Option<Duration>;
}

/// Reads every field in place and returns a number that depends on all of them.
pub type Visit = fn(&[u8]) -> Result<u64>;

/// A record `R`, the form `N` in which the format's users hold it, and the format's functions.
pub struct Bound<R, N, E, D> {
    record: R,
    native: N,
    bytes: Vec<u8>,
    encode: E,
    decode: D,
    visit: Option<Visit>,
}

impl<R, N, E, D> Bound<R, N, E, D>
where
    R: Clone + Debug + PartialEq + From<N>,
    N: From<R>,
    E: Fn(&N) -> Result<Vec<u8>>,
    D: Fn(&[u8]) -> Result<N>,
{
    /// Encodes `record`, decodes it and compares the two.
    pub fn new(record: &R, encode: E, decode: D) -> Result<Self> {
        let native = N::from(record.clone());
        let bytes = encode(&native).context("can't be encoded")?;
        let subject = Self { record: record.clone(), native, bytes, encode, decode, visit: None };
        subject.compare(&subject.bytes)?;
        Ok(subject)
    }

    /// Also reads in place, with the result `expected`.
    pub fn visited(mut self, visit: Visit, expected: u64) -> Result<Self> {
        ensure!(visit(&self.bytes)? == expected, "reading in place gives another record");
        self.visit = Some(visit);
        Ok(self)
    }
}

impl<R, N, E, D> Subject for Bound<R, N, E, D>
where
    R: Debug + PartialEq + From<N>,
    E: Fn(&N) -> Result<Vec<u8>>,
    D: Fn(&[u8]) -> Result<N>,
{
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn compare(&self, bytes: &[u8]) -> Result<()> {
        let decoded = R::from((self.decode)(bytes).context("can't be decoded")?);
        ensure!(decoded == self.record, "became {decoded:?}\nbut was {:?}", self.record);
        Ok(())
    }

    fn encode(&self, times: u64) -> Duration {
        repeat(times, || (self.encode)(black_box(&self.native)))
    }

    fn decode(&self, times: u64) -> Duration {
        repeat(times, || (self.decode)(black_box(&self.bytes)))
    }

    fn visit(&self, times: u64) -> Option<Duration> {
        self.visit.map(|visit| repeat(times, || visit(black_box(&self.bytes))))
    }
}

fn repeat<T>(times: u64, work: impl Fn() -> T) -> Duration {
    let start = Instant::now();
    for _ in 0..times {
        black_box(work());
    }
    start.elapsed()
}
