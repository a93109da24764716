//! A client that writes and reads raw bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A client that hears nothing for this long fails its test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(60);

const KEY: [u8; 4] = [0x11, 0x22, 0x33, 0x44];

pub(crate) struct Client<S = TcpStream> {
    pub(crate) stream: S,
    received: Vec<u8>,
}

pub(crate) fn upgrade_request(path: &str) -> Vec<u8> {
    with_headers(path, "")
}

/// With further headers, each with its line end.
pub(crate) fn with_headers(path: &str, headers: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
    .into_bytes()
}

/// A masked frame.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            bytes.push(0xfe);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0xff);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(KEY);
    bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// The whole answer to a plain request.
pub(crate) fn http(address: SocketAddr, request: &[u8]) -> String {
    let mut client = Client::connect(address);
    client.send_raw(request);
    String::from_utf8(client.rest()).expect("answers are text")
}

/// A socket that gives up in time.
pub(crate) fn socket(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream.set_nodelay(true).expect("a socket");
    stream
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::over(socket(address))
    }

    pub(crate) fn upgrade(address: SocketAddr, path: &str) -> Self {
        let mut client = Self::connect(address);
        client.send_raw(&upgrade_request(path));
        client.expect_upgrade();
        client
    }
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream, received: Vec::new() }
    }

    pub(crate) fn expect_upgrade(&mut self) -> String {
        let head = self.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        // The example of RFC 6455, section 1.3.
        assert!(head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
        head
    }

    /// The head of the response, whatever it says; empty where the server closes without one.
    pub(crate) fn head(&mut self) -> String {
        let end = loop {
            if let Some(end) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if !self.receive() {
                break self.received.len();
            }
        };
        String::from_utf8(self.received.drain(..end).collect()).expect("heads are text")
    }

    /// A server that has already closed is no failure of who still writes.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        match self.stream.write_all(bytes) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {}
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn send_frame(&mut self, first: u8, payload: &[u8]) {
        self.send_raw(&frame(first, payload));
    }

    pub(crate) fn send_binary(&mut self, payload: &[u8]) {
        self.send_frame(0x82, payload);
    }

    /// The next frame that is whole: first byte and payload. `None` when the server has closed.
    pub(crate) fn next_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((first, header, length)) = header(&self.received)
                && self.received.len() >= header + length
            {
                let payload = self.received[header..header + length].to_vec();
                self.received.drain(..header + length);
                return Some((first, payload));
            }
            if !self.receive() {
                return None;
            }
        }
    }

    /// The next binary message.
    pub(crate) fn message(&mut self) -> Vec<u8> {
        self.wait_for_frame(0x82)
    }

    pub(crate) fn wait_for_frame(&mut self, first: u8) -> Vec<u8> {
        loop {
            let (found, payload) = self.next_frame().expect("the server goes on");
            if found == first {
                return payload;
            }
            assert_ne!(found, 0x88, "closed with {payload:02x?}");
        }
    }

    pub(crate) fn wait_for(&mut self, wanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        loop {
            let message = self.message();
            if wanted(&message) {
                return message;
            }
        }
    }

    /// The code of the Close frame, behind whatever comes before it.
    pub(crate) fn close_code(&mut self) -> Option<u16> {
        loop {
            let (first, payload) = self.next_frame()?;
            if first == 0x88 {
                return payload.first_chunk().map(|code| u16::from_be_bytes(*code));
            }
        }
    }

    /// The binary messages up to the Close frame, and its code.
    pub(crate) fn messages_to_close(&mut self) -> (Vec<Vec<u8>>, Option<u16>) {
        let mut messages = Vec::new();
        while let Some((first, payload)) = self.next_frame() {
            match first {
                0x82 => messages.push(payload),
                0x88 => return (messages, payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
                _ => {}
            }
        }
        (messages, None)
    }

    pub(crate) fn is_at_end(&mut self) -> bool {
        self.received.is_empty() && !self.receive()
    }

    /// Everything up to the end.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.receive() {}
        std::mem::take(&mut self.received)
    }

    /// More bytes; `false` at the end.
    fn receive(&mut self) -> bool {
        let mut buffer = [0; 65_536];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}"),
        }
    }
}

/// First byte, length of the header, length of the payload.
fn header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    match second {
        126 => Some((first, 4, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)))),
        127 => Some((first, 10, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize)),
        short => Some((first, 2, usize::from(short))),
    }
}
