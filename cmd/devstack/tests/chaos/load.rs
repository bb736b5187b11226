//! A steady load of reads, and its results. Each request has its time on a fixed schedule, whatever
//! happened to earlier ones, and its latency counts from then.

use crate::data::FILMS;
use crate::http::{Client, client, get};
use std::fmt;
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// The number of pools used in turn, each with at least one connection, so that all of movie's workers get requests.
const POOLS: usize = 16;

/// The result of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Whole,
    Partial,
    Failed(String),
}

#[derive(Clone, Debug)]
struct Answer {
    due: Instant,
    took: Duration,
    outcome: Outcome,
}

/// A running load.
pub(crate) struct Load {
    stop: CancellationToken,
    task: JoinHandle<Vec<Answer>>,
}

impl Load {
    /// Requests one movie after the other from the movie service at `authority`, `rate` per second.
    pub(crate) fn start(authority: &str, rate: u32) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(send(authority.to_owned(), rate, stop.clone()));
        Self { stop, task }
    }

    /// Stops sending, and waits for the last response.
    pub(crate) async fn end(self) -> Answers {
        self.stop.cancel();
        let mut answers = self.task.await.unwrap();
        answers.sort_by_key(|answer| answer.due);
        Answers(answers)
    }
}

async fn send(authority: String, rate: u32, stop: CancellationToken) -> Vec<Answer> {
    let pools: Vec<Client> = (0..POOLS).map(|_| client()).collect();
    let begin = Instant::now();
    let mut asked = JoinSet::new();
    for (number, pool) in (0..).zip(pools.iter().cycle()) {
        let due = begin + Duration::from_secs(1) * number / rate;
        if stop.run_until_cancelled(sleep_until(due)).await.is_none() {
            break;
        }
        let (pool, authority) = (pool.clone(), authority.clone());
        asked.spawn(async move {
            let outcome = ask(&pool, &authority, number % FILMS + 1).await;
            Answer { due, took: due.elapsed(), outcome }
        });
    }
    asked.join_all().await
}

async fn ask(pool: &Client, authority: &str, film: u32) -> Outcome {
    match get(pool, authority, &format!("/v1/movies/{film}")).await {
        Ok((200, movie)) if movie.get("partial").is_some() => Outcome::Partial,
        Ok((200, movie)) if movie["rating"]["sum"] == 7 => Outcome::Whole,
        Ok((status, body)) => Outcome::Failed(format!("{status} {body}")),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

/// Responses in the order of the schedule.
pub(crate) struct Answers(Vec<Answer>);

impl Answers {
    /// Returns those scheduled at `from` or later.
    pub(crate) fn since(&self, from: Instant) -> Self {
        Self(self.0.iter().filter(|answer| answer.due >= from).cloned().collect())
    }

    /// Returns those scheduled before `end`.
    pub(crate) fn before(&self, end: Instant) -> Self {
        Self(self.0.iter().filter(|answer| answer.due < end).cloned().collect())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns the number of missing responses, statuses other than 200, and responses that differ from what was
    /// stored.
    pub(crate) fn failed(&self) -> usize {
        self.failures().count()
    }

    /// Returns the first failure.
    pub(crate) fn first_failure(&self) -> Option<&str> {
        self.failures().next()
    }

    fn failures(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|answer| match &answer.outcome {
            Outcome::Failed(reason) => Some(reason.as_str()),
            _ => None,
        })
    }

    pub(crate) fn partial(&self) -> usize {
        self.0.iter().filter(|answer| answer.outcome == Outcome::Partial).count()
    }

    /// Returns the time of the last request with a partial response.
    pub(crate) fn last_partial(&self) -> Option<Instant> {
        self.0.iter().rfind(|answer| answer.outcome == Outcome::Partial).map(|answer| answer.due)
    }

    /// Returns the latency of this quantile (0 to 1) of the responses; zero if there are none.
    pub(crate) fn latency(&self, share: f64) -> Duration {
        let mut all: Vec<_> = self.0.iter().map(|answer| answer.took).collect();
        all.sort_unstable();
        let rank = (all.len() as f64 * share).ceil() as usize;
        all.get(rank.max(1) - 1).copied().unwrap_or_default()
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, most, all] = [0.5, 0.99, 1.0].map(|share| self.latency(share).as_millis());
        let (count, failed, partial) = (self.count(), self.failed(), self.partial());
        write!(f, "{count} answers, {failed} failed, {partial} partial, p50 {half}, p99 {most}, max {all} ms")
    }
}
