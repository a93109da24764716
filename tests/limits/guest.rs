//! Clients that come from addresses of their own: all of 127.0.0.0/8 is this machine.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

use crate::client::{Client, frame};
use crate::process::Server;

/// What refuses a connection says at the start, or what it is if it is let in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The WebSocket is open.
    Open,
    /// The status of the response.
    Status(u16),
    /// The socket was closed without a word.
    Closed,
}

/// A guest from 127.0.0.`last`.
pub(crate) fn connect(server: &Server, last: u8) -> Client {
    connect_to(server.address, last)
}

fn connect_to(address: SocketAddr, last: u8) -> Client {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("a socket");
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)).into()).expect("an address of this machine");
    socket.connect(&address.into()).expect("the server listens");
    Client::over(TcpStream::from(socket))
}

/// An upgrade with these headers, each with its line end, behind what goes before the request.
pub(crate) fn knock(server: &Server, last: u8, before: &[u8], path: &str, headers: &str) -> (Client, Answer, String) {
    let mut client = connect(server, last);
    client.send_raw(before);
    client.send_raw(
        format!(
            "GET {path} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        )
        .as_bytes(),
    );
    let head = client.head();
    let answer = match head.split(' ').nth(1).and_then(|status| status.parse().ok()) {
        None => Answer::Closed,
        Some(101) => Answer::Open,
        Some(status) => Answer::Status(status),
    };
    let rest = match answer {
        Answer::Open | Answer::Closed => String::new(),
        Answer::Status(_) => String::from_utf8(client.rest()).expect("answers are text"),
    };
    (client, answer, head + &rest)
}

/// What the control plane answers to somebody from 127.0.0.`last`: the status, and all that was said.
pub(crate) fn ask(server: &Server, last: u8, path: &str, headers: &str) -> (u16, String) {
    let mut client = connect_to(server.control, last);
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
    client.send_raw(request.as_bytes());
    let said = String::from_utf8(client.rest()).expect("answers are text");
    let status = said.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("a status: {said}")), said)
}

/// The same, of whom only the answer matters as long as it is there.
pub(crate) fn upgrade(server: &Server, last: u8, path: &str) -> (Client, Answer) {
    let (client, answer, _) = knock(server, last, b"", path, "");
    (client, answer)
}

/// Tries until it is let in: what has gone is given back within moments, and nothing says when.
pub(crate) fn upgrade_in_the_end(server: &Server, last: u8, path: &str) -> Client {
    loop {
        let (client, answer) = upgrade(server, last, path);
        match answer {
            Answer::Open => return client,
            Answer::Status(429) => {}
            other @ (Answer::Status(_) | Answer::Closed) => panic!("refused otherwise: {other:?}"),
        }
    }
}

/// Still there: answers a ping.
pub(crate) fn assert_alive(client: &mut Client) {
    client.send_raw(&frame(0x89, b"?"));
    assert_eq!(client.wait_for_frame(0x8a), b"?");
}

/// The sum over both cores of what the server counts under this name.
pub(crate) fn count(server: &mut Server, name: &str) -> u64 {
    let label = format!(" {name}: ");
    let lines = server.counters(2);
    let values = lines.iter().map(|line| {
        let (_, rest) = line.split_once(&label).unwrap_or_else(|| panic!("{name} is counted: {line}"));
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u64>().expect("a number")
    });
    values.sum()
}

/// Asks until the server has counted so many: counters are laid out four times in a second.
pub(crate) fn wait_for_count(server: &mut Server, name: &str, at_least: u64) {
    while count(server, name) < at_least {}
}
