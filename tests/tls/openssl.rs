//! The `openssl` of the machine as a client: another implementation of TLS than the server's.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

/// `false` where it is not installed.
pub(crate) fn is_installed() -> bool {
    Command::new("openssl").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Connects with these flags, says `said`, and gives all that it printed, until it ends by itself or has printed `until`.
pub(crate) fn client(address: SocketAddr, trusted: &Path, flags: &[&str], said: &str, until: &str) -> String {
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &address.to_string(), "-CAfile"])
        .arg(trusted)
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl is installed");
    let mut input = child.stdin.take().expect("it is piped");
    let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut printed = String::new();
    // A client that was refused has ended already.
    drop(input.write_all(said.as_bytes()));
    while !printed.contains(until) {
        let mut line = Vec::new();
        if output.read_until(b'\n', &mut line).expect("a pipe") == 0 {
            break;
        }
        printed.push_str(&String::from_utf8_lossy(&line));
    }
    // The end of its input is what it ends with.
    drop(input);
    output.read_to_string(&mut printed).expect("it prints text");
    let mut errors = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut errors).expect("it prints text");
    child.wait().expect("it was started here");
    printed + &errors
}
