//! `--kafka-option`: any setting of librdkafka, except those that ingestion depends on.

/// A setting that ingestion depends on.
struct Owned {
    key: &'static str,
    /// The value that is accepted, because it is the one in use.
    value: Option<&'static str>,
    reason: &'static str,
}

const fn owned(key: &'static str, value: Option<&'static str>, reason: &'static str) -> Owned {
    Owned { key, value, reason }
}

const AFTER_COMMIT: &str = "offsets are committed after the database has them";

const OWNED: [Owned; 13] = [
    owned("bootstrap.servers", None, "set the brokers with --kafka"),
    owned("metadata.broker.list", None, "set the brokers with --kafka"),
    owned("group.id", None, "set the group with --kafka-group"),
    owned("partition.assignment.strategy", Some("cooperative-sticky"), "partitions are assigned one by one"),
    owned("group.protocol", Some("classic"), "partitions are assigned by the members of the group"),
    owned("group.remote.assignor", None, "partitions are assigned by the members of the group"),
    owned("enable.auto.commit", Some("false"), AFTER_COMMIT),
    owned("auto.commit.enable", Some("false"), AFTER_COMMIT),
    owned("enable.auto.offset.store", Some("false"), AFTER_COMMIT),
    owned("auto.offset.reset", Some("error"), "set the reaction to a lost offset with --on-lost-offset"),
    owned("isolation.level", Some("read_committed"), "events of aborted transactions must not be applied"),
    owned(
        "enable.partition.eof",
        Some("false"),
        "the end of a partition is detected from the consumer's position",
    ),
    owned("transactional.id", None, "dead letters are sent without transactions"),
];

/// Parses `KEY=VALUE`. Rejects settings that librdkafka does not have or that ingestion depends on.
pub(super) fn parse(text: &str) -> Result<(String, String), String> {
    let (key, value) = kafka::option(text)?;
    if let Some(Owned { key, value: accepted, reason }) = OWNED.iter().find(|owned| owned.key == key)
        && *accepted != Some(value.as_str())
    {
        return Err(match accepted {
            Some(accepted) => format!("{key} must be {accepted}: {reason}"),
            None => format!("{key} can't be set here: {reason}"),
        });
    }
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_that_ingestion_depends_on_is_rejected_with_accepted_value() {
        let refused = [
            ("partition.assignment.strategy=range", "must be cooperative-sticky: "),
            ("partition.assignment.strategy=roundrobin,cooperative-sticky", "must be cooperative-sticky: "),
            ("group.protocol=consumer", "must be classic: "),
            ("enable.auto.commit=true", "must be false: "),
            ("enable.auto.offset.store=true", "must be false: "),
            ("auto.offset.reset=latest", "must be error: "),
            ("isolation.level=read_uncommitted", "must be read_committed: "),
            ("enable.partition.eof=true", "must be false: "),
            ("group.id=other", "can't be set here: set the group with --kafka-group"),
            ("bootstrap.servers=other:9092", "can't be set here: set the brokers with --kafka"),
            ("transactional.id=one", "can't be set here: "),
        ];
        for (text, reason) in refused {
            let error = parse(text).unwrap_err();
            let key = text.split('=').next().unwrap();
            assert!(error.starts_with(key) && error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn other_settings_are_checked_by_librdkafka() {
        for accepted in
            ["partition.assignment.strategy=cooperative-sticky", "check.crcs=false", "client.id=a=b"]
        {
            assert!(parse(accepted).is_ok(), "{accepted}");
        }
        for refused in ["client.id", "=c", "no.such.setting=1", "linger.ms=soon"] {
            assert!(parse(refused).is_err(), "{refused}");
        }
    }
}
