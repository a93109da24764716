//! Requests to the control plane.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Who hears nothing for so long fails its test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

fn open(address: SocketAddr, request: &str) -> (String, BufReader<TcpStream>) {
    let mut stream = TcpStream::connect(address).expect("the control plane listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream.write_all(request.as_bytes()).expect("it is read");
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).expect("an answer"), 0, "{head}");
    }
    (head, reader)
}

/// One request, with further headers, each with its line end.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    let (head, mut reader) = open(address, &request);
    let mut body = String::new();
    reader.read_to_string(&mut body).expect("an answer");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head, body: serde_json::from_str(&body).unwrap_or(Value::Null) }
}

/// What is under a path, as text.
pub(crate) fn text(address: SocketAddr, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let (_, mut reader) = open(address, &request);
    let mut body = String::new();
    reader.read_to_string(&mut body).expect("text");
    body
}

/// A stream of events that is read.
pub(crate) struct Stream {
    reader: BufReader<TcpStream>,
    text: String,
}

/// One event: its type, its id, and what it says.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) data: Value,
}

impl Stream {
    pub(crate) fn open(address: SocketAddr, path: &str, headers: &str) -> Self {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
        let (head, reader) = open(address, &request);
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("text/event-stream"), "{head}");
        Self { reader, text: String::new() }
    }

    /// More of the body (RFC 9112, section 7.1); `false` at its end.
    fn receive(&mut self) -> bool {
        let mut line = String::new();
        if self.reader.read_line(&mut line).expect("a chunk") == 0 {
            return false;
        }
        let length = usize::from_str_radix(line.trim(), 16).expect("a length");
        let mut chunk = vec![0; length + 2];
        self.reader.read_exact(&mut chunk).expect("a chunk");
        self.text.push_str(std::str::from_utf8(&chunk[..length]).expect("text"));
        length > 0
    }

    /// The next event that is not how the process is; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Told> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let value = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                    value.map(|value| value.trim().to_owned()).unwrap_or_default()
                };
                let (kind, id, data) = (field("event"), field("id"), field("data"));
                self.text = rest.to_owned();
                if !data.is_empty() {
                    let data = serde_json::from_str(&data).expect("an object");
                    return Some(Told { kind, id, data });
                }
            }
            if !self.receive() {
                return None;
            }
        }
    }

    /// The next event of this type.
    pub(crate) fn wait_for(&mut self, kind: &str) -> Told {
        loop {
            let told = self.next().expect("the stream goes on");
            if told.kind == kind {
                return told;
            }
        }
    }
}
