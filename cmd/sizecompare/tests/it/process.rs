//! The command: output, rejected arguments, exit codes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sizecompare")).args(arguments).output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn one_record_in_one_format_is_one_row() {
    let csv = printed(&["--record", "classic", "--only", "json", "--rounds", "1", "--format", "csv"]);
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines.len(), 2, "{csv}");
    assert!(lines[1].starts_with("classic,JSON,serde_json,106,"), "{csv}");
}

#[test]
fn classic_record_is_first() {
    let table = printed(&["--only", "protobuf", "--rounds", "1"]);
    assert!(table.starts_with("the classic record"), "{table}");
    assert!(table.lines().nth(2).is_some_and(|line| line.starts_with("  Protocol Buffers    63")), "{table}");
}

#[test]
fn invalid_argument_is_exit_2_with_reason() {
    let empty = tempfile::tempdir().unwrap();
    for (arguments, reason) in [
        (&["--movielens", path(empty.path())][..], "is not a MovieLens folder: movies.csv can't be read"),
        (&["--movielens", "/nowhere"], "/nowhere is not a MovieLens folder"),
        (&["--record", "real"], "--record real needs --movielens DIR"),
        (&["--record", "unknown"], "'unknown'"),
        (&["--only", "gob"], "'gob'"),
        (&["--format", "html"], "'html'"),
        (&["--plot", "picture.png"], "must end in .svg"),
        (&["--rounds", "0"], "expected a whole number from 1 to 1000"),
        (&["--write", "a", "--read", "b"], "cannot be used with"),
    ] {
        let output = run(arguments);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(reason), "{arguments:?}: {text}");
        assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
    }
}

#[test]
fn movielens_folder_adds_one_record() {
    let folder = tempfile::tempdir().unwrap();
    let films = "movieId,title,genres\r\n1,One (1995),Comedy|Drama\r\n2,Two,(no genres listed)\r\n";
    fs::write(folder.path().join("movies.csv"), films).unwrap();
    let ratings = "userId,movieId,rating,timestamp\r\n1,1,4.0,9\r\n2,1,0.5,9\r\n1,9,5.0,9\r\n";
    fs::write(folder.path().join("ratings.csv"), ratings).unwrap();

    let out = tempfile::tempdir().unwrap();
    let arguments = ["--movielens", path(folder.path()), "--record", "real", "--write", path(out.path())];
    printed(&[&arguments[..], &["--only", "json-lines"]].concat());
    let lines = fs::read_to_string(out.path().join("real.jsonl")).unwrap();
    let movies: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(movies[0]["metadata"]["title"], "One");
    assert_eq!(movies[0]["metadata"]["releaseYear"], 1995);
    assert_eq!(movies[0]["rating"]["mean"], 4.5);
    assert_eq!(movies[0]["rating"]["histogram"], serde_json::json!([1, 0, 0, 0, 0, 0, 0, 1, 0, 0]));
    assert_eq!(movies[1].get("rating"), None);
    assert_eq!(movies.len(), 2);
}

#[test]
fn written_files_are_read_and_changed_byte_is_detected() {
    let folder = tempfile::tempdir().unwrap();
    let written = printed(&["--write", path(folder.path())]);
    assert_eq!(written, "62 files written\n");
    assert_eq!(printed(&["--read", path(folder.path())]), "62 files compared\n");

    let file = folder.path().join("classic.pb");
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    let output = run(&["--read", path(folder.path())]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("classic.pb"), "{output:?}");
}

#[test]
fn folder_without_records_is_an_error() {
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(run(&["--read", path(empty.path())]).status.code(), Some(1));
}

#[test]
fn plot_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("picture.svg");
    printed(&["--record", "rating", "--rounds", "1", "--plot", path(&picture)]);
    assert!(fs::read_to_string(picture).unwrap().contains("a rating event"));
}
