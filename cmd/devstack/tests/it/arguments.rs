//! Command lines that end immediately.

use crate::process::devstack;
use std::net::TcpListener;
use std::process::Output;
use storage::Migration;
use storage::sqlite::Synchronous;

fn ended(flags: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = devstack().args(flags).output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

#[test]
fn folder_that_is_not_movielens_is_exit_2() {
    let dir = tempfile::tempdir().unwrap();
    let (code, text) = ended(&["--movielens", dir.path().to_str().unwrap()]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("is not a MovieLens folder: movies.csv"), "{text}");
}

#[test]
fn unknown_flag_is_exit_2_and_printed() {
    for flags in [&["--workers", "none"][..], &["--kafka-listen", "x"], &["rating", "--workers", "none"]] {
        let (code, text) = ended(flags);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(flags[flags.len() - 2]), "{text}");
    }
}

#[test]
fn invalid_value_is_exit_2_before_anything_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let folder = data.to_str().unwrap();
    let database = format!("--database=sqlite:{folder}/x.db");
    for (flags, rule) in [
        (&["--data-dir", folder, "--kafka", "no-port-here"][..], "HOST:PORT, separated by commas"),
        (&["--data-dir", folder, "--workers", "-1"], "from 1 to 1024"),
        (&["agent", "--listen", "-1"], "an IP address and a port"),
        (&["metadata", &database, "--request-timeout", "-1s"], "500ms, 2s or 1m"),
        (&["metadata", &database, "--request-timeout", "--listen", "x"], "a value is required"),
        (&["rating", &database, "--kafka", "no-port-here"], "HOST:PORT, separated by commas"),
        (&["movie", "--hedge-after", "-1s"], "p95"),
    ] {
        let (code, text) = ended(flags);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(rule), "{text}");
        assert!(!data.exists(), "{flags:?}");
    }
}

#[test]
fn kafka_option_that_ingestion_depends_on_is_exit_2_with_accepted_value() {
    let option = "partition.assignment.strategy=range";
    let (code, text) = ended(&["rating", "--kafka", "127.0.0.1:1", "--kafka-option", option]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("partition.assignment.strategy must be cooperative-sticky"), "{text}");
}

#[test]
fn port_in_use_is_reported_with_part_and_holder_before_anything_starts() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let holder = std::process::id();
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let folder = data.to_str().unwrap();
    let parts = [
        ("console", "the console"),
        ("otlp-listen", "the console"),
        ("agent-listen", "the registry"),
        ("kafka-listen", "the broker"),
        ("metadata-listen", "metadata"),
        ("rating-listen", "rating"),
        ("movie-listen", "movie"),
    ];
    for (flag, part) in parts {
        let port = |&(other, _): &(&str, _)| {
            let address = if other == flag { address.to_string() } else { "127.0.0.1:0".to_owned() };
            format!("--{other}={address}")
        };
        let flags: Vec<String> = parts.iter().map(port).collect();
        let flags: Vec<&str> = flags.iter().map(String::as_str).chain(["--data-dir", folder]).collect();
        let (code, text) = ended(&flags);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(&format!("port {} is in use", address.port())), "{text}");
        if cfg!(target_os = "linux") {
            assert!(text.contains(&format!("(process {holder})")), "{text}");
        }
        let remedy = format!("{part} needs {address}, select another address with --{flag}");
        assert!(text.contains(&remedy), "{text}");
        assert!(!data.exists(), "{text}");
    }
}

#[tokio::test]
async fn database_of_newer_version_is_reported_with_remedy() {
    let later = Migration { version: 999, name: "later", sql: "CREATE TABLE later (x INTEGER) STRICT" };
    for part in ["metadata", "rating"] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("later.db");
        let sqlite = storage::sqlite::open(&file, Synchronous::Normal).await.unwrap();
        storage::migrate(&sqlite.writer, &[later]).await.unwrap();
        sqlite.close().await;
        drop(sqlite);
        let database = format!("sqlite:{}", file.display());
        let flags = [part, "--registry", "none", "--listen", "127.0.0.1:0", "--database", &database];
        let (code, text) = loop {
            let (code, text) = ended(&flags);
            // A process that another test is just starting still has the files of this one, and with them the lock.
            if !text.contains("is in use by process") {
                break (code, text);
            }
        };
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("has migration 999 of a newer version: start a newer version"), "{text}");
    }
}

#[test]
fn every_part_has_its_own_help() {
    for (part, flag) in [
        ("agent", "--listen"),
        ("metadata", "--database"),
        ("rating", "--kafka-group"),
        ("movie", "--gateway"),
    ] {
        let (code, text) = ended(&[part, "--help"]);
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains(flag) && text.contains(&format!("devstack {part}")), "{text}");
    }
    let (code, text) = ended(&["--help"]);
    assert_eq!(code, Some(0));
    for word in [
        "--movielens",
        "--data-dir",
        "--fresh",
        "--consul",
        "--kafka",
        "--database",
        "--instances",
        "--console",
        "--no-console",
        "--no-load",
        "--otlp-listen",
        "agent",
        "movie",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
}
