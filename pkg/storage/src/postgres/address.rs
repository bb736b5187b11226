//! A database's address for logs and errors.

use sqlx::postgres::PgConnectOptions;

/// Returns the database's address, without user and password.
pub(crate) fn address(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_default();
    match options.get_socket() {
        Some(socket) => format!("postgres://{}/{database}", socket.display()),
        None => format!("postgres://{}:{}/{database}", options.get_host(), options.get_port()),
    }
}
