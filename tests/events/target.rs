//! Targets of webhooks: one that takes what it is sent, and some that do not.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// What a target does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Takes,
    NeverAnswers,
    /// One byte after the other, without an end.
    Drips,
    Fails,
    RedirectsToItself,
    /// A body without an end.
    Floods,
    /// A head without an end.
    FloodsHead,
    Closes,
}

/// A request that arrived.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value)
        });
        line.unwrap_or_else(|| panic!("no {name} in {}", self.head)).trim()
    }

    pub(crate) fn event(&self) -> Value {
        serde_json::from_str(&self.body).expect("an object")
    }
}

pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    requests: Receiver<Request>,
}

impl Target {
    pub(crate) fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("a port");
        let (arrived, requests) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let arrived = arrived.clone();
                thread::spawn(move || serve(stream, manner, &arrived));
            }
        });
        Self { address, requests }
    }

    /// The next request; a target that nobody asks fails its test.
    pub(crate) fn next(&self) -> Request {
        self.requests.recv_timeout(Duration::from_secs(60)).expect("somebody asks")
    }
}

fn serve(mut stream: TcpStream, manner: Manner, arrived: &Sender<Request>) {
    let Some(request) = read(&mut stream) else { return };
    // The test may have ended.
    drop(arrived.send(request));
    let redirect =
        format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n", here(&stream));
    let said: Result<(), ErrorKind> = match manner {
        Manner::Takes => say(&mut stream, b"HTTP/1.1 204 No Content\r\n\r\n"),
        Manner::Fails => say(&mut stream, b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"),
        Manner::RedirectsToItself => say(&mut stream, redirect.as_bytes()),
        Manner::Closes => Ok(()),
        // Until the other end gives up.
        Manner::NeverAnswers => stream.read(&mut [0]).map(drop).map_err(|error| error.kind()),
        Manner::Drips => {
            say(&mut stream, b"HTTP/1.1 200 OK\r\nX: ").and_then(|()| {
                loop {
                    say(&mut stream, b"x")?;
                    // The pace is what is tried, and not waited for by anybody.
                    thread::sleep(Duration::from_millis(20));
                }
            })
        }
        Manner::Floods => say(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n").and_then(|()| {
            loop {
                say(&mut stream, &[b'x'; 65_536])?;
            }
        }),
        Manner::FloodsHead => say(&mut stream, b"HTTP/1.1 200 OK\r\nX: ").and_then(|()| {
            loop {
                say(&mut stream, &[b'x'; 65_536])?;
            }
        }),
    };
    // The other end has given up, which is all that there was to wait for.
    let _ = said;
}

fn here(stream: &TcpStream) -> SocketAddr {
    stream.local_addr().expect("a socket")
}

fn say(stream: &mut TcpStream, bytes: &[u8]) -> Result<(), ErrorKind> {
    stream.write_all(bytes).map_err(|error| error.kind())
}

fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 65_536];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(Request { head: head.to_owned(), body: body.to_owned() });
            }
        }
        match stream.read(&mut buffer).ok()? {
            0 => return None,
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}
