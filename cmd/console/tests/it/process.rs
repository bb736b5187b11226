//! The program: its exit codes and errors.

use std::net::TcpListener;
use std::process::Command;

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_console")).args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn taken_port_is_named_with_its_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for (flag, other) in [("--listen", "--otlp-listen"), ("--otlp-listen", "--listen")] {
        let (code, error) = run(&[flag, &address.to_string(), other, "127.0.0.1:0"]);
        assert_eq!(code, Some(1), "{error}");
        for part in [&format!("port {} is in use", address.port()), &format!("with {flag}")] {
            assert!(error.contains(part.as_str()), "{part}: {error}");
        }
    }
}

#[test]
fn bad_arguments_end_with_2() {
    let (code, error) = run(&["--listen", "8080"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("--listen"), "{error}");
}
