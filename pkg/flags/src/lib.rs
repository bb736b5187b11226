//! Parsing of command lines, the same in every program: values that begin with a hyphen, and the values that several
//! programs take. Each error of a value states what is accepted.

mod address;
mod secret;
mod value;

pub use address::{Address, address, brokers};
pub use secret::shown;
pub use value::{duration, folder, positive_duration, topic, whole};

use clap::Parser;
use std::ffi::{OsStr, OsString};

/// Parses `arguments`, the first of which is the program's name, and the environment. Prints help or an error and
/// exits, with status 0 or 2.
pub fn parse<C: Parser>(arguments: impl IntoIterator<Item = OsString>) -> C {
    try_parse(arguments).unwrap_or_else(|error| error.exit())
}

/// Like [`parse`], but returns the error, which does not repeat secrets.
///
/// # Errors
///
/// If an argument is invalid, or help is requested.
pub fn try_parse<C: Parser>(arguments: impl IntoIterator<Item = OsString>) -> Result<C, clap::Error> {
    C::try_parse_from(joined(arguments)).map_err(secret::without_secrets)
}

/// Joins a flag and a value that begins with one hyphen (`--request-timeout -1s`) to one argument, so that the flag's
/// own parser judges the value. A value that begins with two hyphens is a flag, and the flag before it lacks a value.
fn joined(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::new();
    let mut ended = false;
    for argument in arguments {
        ended |= argument == "--";
        match joined.last_mut() {
            Some(flag) if !ended && is_flag_without_value(flag) && is_value(&argument) => {
                flag.push("=");
                flag.push(argument);
            }
            _ => joined.push(argument),
        }
    }
    joined
}

fn is_flag_without_value(argument: &OsStr) -> bool {
    let bytes = argument.as_encoded_bytes();
    bytes.len() > 2 && bytes.starts_with(b"--") && !bytes.contains(&b'=')
}

/// Returns true if `argument` begins with one hyphen and is none of the short flags, which clap adds.
fn is_value(argument: &OsStr) -> bool {
    let hyphened = matches!(argument.as_encoded_bytes(), [b'-', second, ..] if *second != b'-');
    hyphened && argument != "-h" && argument != "-V"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[derive(Debug, Parser)]
    #[command(name = "small", version)]
    struct Small {
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        timeout: Option<Duration>,
        #[arg(long)]
        name: Option<String>,
        #[arg(long)]
        fresh: bool,
        file: Option<String>,
    }

    fn parsed(line: &str) -> Result<Small, String> {
        let arguments = line.split(' ').map(OsString::from);
        try_parse(arguments).map_err(|error: clap::Error| {
            assert!(matches!(error.exit_code(), 0 | 2));
            error.to_string()
        })
    }

    #[test]
    fn secret_in_invalid_value_is_not_shown() {
        for line in ["small --timeout http://me:secret@host", "small x postgres://me:secret@host/films"] {
            let error = parsed(line).unwrap_err();
            assert!(error.contains("…@host") && !error.contains("secret"), "{line}: {error}");
        }
    }

    #[test]
    fn value_that_begins_with_hyphen_is_judged_by_its_flag() {
        for (line, parts) in [
            ("small --timeout -1s", &["'-1s' for '--timeout <DURATION>'", "500ms, 2s or 1m"][..]),
            ("small --timeout=-1s", &["'-1s' for '--timeout <DURATION>'", "500ms, 2s or 1m"]),
            ("small --timeout -x --name y", &["'-x' for '--timeout <DURATION>'"]),
            ("small --timeout --name y", &["a value is required for '--timeout <DURATION>'"]),
            ("small --timeout --fresh", &["a value is required for '--timeout <DURATION>'"]),
            ("small --timeout", &["a value is required for '--timeout <DURATION>'"]),
            ("small --name --timeout 1s", &["a value is required for '--name <NAME>'"]),
            ("small --fresh -1", &["'-1' for '--fresh'"]),
            ("small --timeout -h", &["a value is required for '--timeout <DURATION>'"]),
            ("small -x", &["-x"]),
        ] {
            let error = parsed(line).unwrap_err();
            for part in parts {
                assert!(error.contains(part), "{line}: {error}");
            }
        }
        assert_eq!(parsed("small --name -x").unwrap().name.as_deref(), Some("-x"));
        assert_eq!(parsed("small --name -").unwrap().name.as_deref(), Some("-"));
        assert_eq!(parsed("small --name=x -- -1").unwrap().file.as_deref(), Some("-1"));
        assert_eq!(parsed("small --fresh -- -1").unwrap().file.as_deref(), Some("-1"));
        let help = parsed("small --fresh -h").unwrap_err();
        assert!(help.contains("Usage: small"), "{help}");
    }
}
