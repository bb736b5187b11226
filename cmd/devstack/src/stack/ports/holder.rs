//! The process that listens on a port, according to `/proc`. Systems without it report none, and neither does Linux for
//! processes of other users.

use std::fs;

/// The state of a listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// A process that listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    /// The program's name.
    pub(crate) name: String,
    /// The process id.
    pub(crate) process: u32,
}

impl Holder {
    /// Returns a process that listens on `port` of any address.
    #[must_use]
    pub(crate) fn of(port: u16) -> Option<Self> {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
        let links: Vec<String> = tables
            .iter()
            .filter_map(|table| fs::read_to_string(table).ok())
            .flat_map(|table| inodes(&table, port))
            .map(|inode| format!("socket:[{inode}]"))
            .collect();
        if links.is_empty() {
            return None;
        }
        let processes = fs::read_dir("/proc").ok()?.flatten();
        let mut ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let process = ids.find(|process| has_one_of(*process, &links))?;
        let name = fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
        Some(Self { name: name.trim_end().to_owned(), process })
    }
}

/// Returns the inodes of the sockets in `table` that listen on `port`.
fn inodes(table: &str, port: u16) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    // The columns: number, local address, remote address, state, queues, timer, retransmissions, user, time-out, inode.
    let listening = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let found = columns.get(1)?.ends_with(&suffix) && *columns.get(3)? == LISTENING;
        found.then(|| columns.get(9).map(|&inode| inode.to_owned()))?
    };
    table.lines().filter_map(listening).collect()
}

/// Returns whether `process` has one of `links` as an open file.
fn has_one_of(process: u32, links: &[String]) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{process}/fd")) else { return false };
    let targets = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
    targets.filter_map(|target| target.to_str().map(str::to_owned)).any(|target| links.contains(&target))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    #[cfg(target_os = "linux")]
    fn listener_of_this_process_is_found_and_a_client_is_not_taken_for_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).unwrap();
        let holder = Holder::of(address.port()).unwrap();
        assert_eq!(holder.process, std::process::id());
        assert!(!holder.name.is_empty());
        assert_eq!(Holder::of(client.local_addr().unwrap().port()), None);
    }

    #[test]
    fn only_listening_sockets_of_the_port_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            \x20  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100\n\
            \x20  1: 0100007F:1F90 0100007F:8000 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100\n\
            \x20  2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1 0 100\n\
            \x20  3: broken\n";
        assert_eq!(inodes(table, 8080), ["111"]);
        assert_eq!(inodes(table, 8082), [""; 0]);
    }
}
