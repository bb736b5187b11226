//! The arguments that select a service's database.

use crate::Url;
use crate::sqlite::Synchronous;
use clap::Args;

/// A service's database.
///
/// A service that flattens this into its own arguments sets the default file there:
/// `#[command(mut_arg("database", |arg| arg.default_value("sqlite:.data/metadata.db")))]`.
#[derive(Args, Clone, Debug)]
#[group(id = "storage")]
pub struct Config {
    /// The database: `memory:` (lost when the process ends), `sqlite:PATH` or `postgres://USER@HOST/DATABASE`
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, required = false, value_name = "URL")]
    pub database: Url,

    /// When a SQLite commit returns: after it is on disk (`full`), or earlier, so that a power failure may lose
    /// the last commits (`normal`)
    #[arg(
        long,
        env = "SQLITE_SYNCHRONOUS",
        value_enum,
        default_value = "full",
        hide_possible_values = true,
        value_name = "full|normal"
    )]
    pub sqlite_synchronous: Synchronous,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[derive(Parser)]
    #[command(mut_arg("database", |arg| arg.default_value("sqlite:.data/metadata.db")))]
    struct Arguments {
        #[command(flatten)]
        storage: Config,
    }

    #[test]
    fn service_sets_default_file_and_help_shows_it() {
        let config = Arguments::try_parse_from(["metadata"]).unwrap().storage;
        assert_eq!(config.database, Url::Sqlite(".data/metadata.db".into()));
        assert_eq!(config.sqlite_synchronous, Synchronous::Full);
        let help = Arguments::command().render_long_help().to_string();
        assert!(help.contains("[default: sqlite:.data/metadata.db]"), "{help}");
        assert!(help.contains("[env: DATABASE_URL]"), "{help}");
    }

    #[test]
    fn invalid_value_prints_flag_value_and_accepted_values() {
        for (flag, value, accepted) in
            [("--database", "mysql://x", "sqlite:PATH"), ("--sqlite-synchronous", "half", "full, normal")]
        {
            let Err(error) = Arguments::try_parse_from(["metadata", flag, value]) else {
                panic!("{value} was accepted")
            };
            let error = error.to_string();
            for part in [flag, value, accepted] {
                assert!(error.contains(part), "{error}");
            }
        }
    }
}
