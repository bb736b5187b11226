//! Replay of dead letters: those that are valid now are sent to their original topic, the
//! rest is reported.

mod letter;
mod topic;

use crate::config::{Cluster, Kafka, Replay};
use crate::error::Error;
use crate::producer::{self, Message, Producer, Refused};
use crate::progress::{Aim, Progress, State};
use crate::rejects::Rejects;
use letter::Letter;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use topic::Topic;

/// The result of a replay.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    read: u64,
    replayed: u64,
    /// Letters that were not sent.
    pub(crate) left: u64,
}

/// Reads the dead-letter topic to its current end and sends the letters that are valid now.
pub(crate) fn replay(config: &Replay) -> Result<Outcome, Error> {
    let path = config.out.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
    let out_failed = |error| Error::Output { flag: "--out", path: path.clone(), error };
    let progress = Progress::new(Aim::default());
    let mut left = Rejects::open(config.out.as_deref(), progress.clone()).map_err(out_failed)?;
    let topic = Topic::open(&config.cluster, &config.from, config.group.as_deref())?;
    let mut destinations = Destinations { cluster: &config.cluster, producers: HashMap::new() };
    let mut outcome = Outcome::default();
    topic.read(|message| {
        outcome.read += 1;
        let letter = Letter::of(message);
        let sent = match letter.check(&config.from) {
            Ok(topic) => destinations.send(topic, &letter)?,
            Err(reason) => Err(reason),
        };
        match sent {
            Ok(()) => outcome.replayed += 1,
            Err(reason) => {
                let place =
                    format_args!("{} partition {} offset {}", config.from, letter.partition, letter.offset);
                left.name(&place, &reason);
                if let Some(line) = letter.line() {
                    left.keep(line);
                }
            }
        }
        progress.show(&State {
            position: outcome.read,
            read: outcome.read,
            delivered: destinations.delivered(),
            rejected: left.counted(),
            round: 1,
        });
        Ok(())
    })?;
    outcome.left = left.counted();
    destinations.flush()?;
    left.finish().map_err(out_failed)?;
    topic.commit()?;
    progress.end(&format!(
        "{}: {} letters read, {} replayed, {} skipped",
        config.from, outcome.read, outcome.replayed, outcome.left
    ));
    Ok(outcome)
}

/// The topics that letters are sent to.
struct Destinations<'a> {
    cluster: &'a Cluster,
    /// Or why the topic can't be written to.
    producers: HashMap<String, Result<Producer, String>>,
}

impl Destinations<'_> {
    /// Sends a letter to `topic`; the inner error concerns only the letter or the topic.
    fn send(&mut self, topic: &str, letter: &Letter<'_>) -> Result<Result<(), String>, Error> {
        let producer = match self.producers.entry(topic.to_owned()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let kafka = Kafka { cluster: self.cluster.clone(), topic: topic.to_owned() };
                let opened = match Producer::open(&kafka, Box::new(|_| ())) {
                    Ok(producer) => Ok(producer),
                    Err(error @ producer::Error::Topic { .. }) => Err(error.to_string()),
                    Err(error) => return Err(error.into()),
                };
                new.insert(opened)
            }
        };
        let producer = match producer {
            Ok(producer) => producer,
            Err(reason) => return Ok(Err(reason.clone())),
        };
        let message = Message {
            key: letter.key,
            value: letter.value.unwrap_or_default(),
            content_type: letter.content_type,
            partition: letter.origin.filter(|partition| *partition < producer.partitions()),
            timestamp: letter.timestamp,
            traceparent: letter.traceparent,
            tracestate: letter.tracestate,
        };
        let outgoing = producer.outgoing(message);
        loop {
            match producer.try_send(&outgoing, 0) {
                Ok(()) => return Ok(Ok(())),
                Err(Refused::Record(code)) => return Ok(Err(code.to_string())),
                Err(Refused::Full) => producer.wait_for_room(),
            }
        }
    }

    fn delivered(&self) -> u64 {
        self.producers.values().flatten().map(Producer::delivered).sum()
    }

    fn flush(&self) -> Result<(), Error> {
        self.producers.values().flatten().try_for_each(Producer::flush).map_err(Error::from)
    }
}
