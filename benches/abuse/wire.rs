//! A client's end of a WebSocket: blocking, or as fast as the socket takes it. Sends whatever it is told to, right or wrong.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use selvedge_protocol::lib0::{put_buf, put_uint};
use selvedge_protocol::websocket::{Event, Limits, OpCode, Reader, Role, put_masked_frame};

/// What the server sends at most in one message.
const LIMITS: Limits = Limits { message_bytes_max: 64 << 20, fragments_max: 1 };

/// A server that says nothing for this long has failed its client.
const PATIENCE: Duration = Duration::from_secs(20);

const KEY: [u8; 4] = [0x5a, 0x11, 0xc3, 0x7e];

/// From whom to whom: a server tells addresses apart, and so attackers have another than those who behave.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    pub(crate) from: Ipv4Addr,
    pub(crate) to: SocketAddr,
}

pub(crate) struct Wire {
    stream: TcpStream,
    reader: Reader,
    received: Vec<u8>,
    consumed: usize,
}

impl Wire {
    /// Nothing is asked for yet.
    pub(crate) fn connect(way: Way) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((way.from, 0)).into())?;
        socket.connect(&way.to.into())?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, reader: Reader::new(Role::Client), received: Vec::new(), consumed: 0 })
    }

    /// An open WebSocket.
    pub(crate) fn open(way: Way, path: &str, headers: &str) -> io::Result<Self> {
        let mut wire = Self::connect(way)?;
        wire.write(request(path, headers).as_bytes())?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if wire.stream.read(&mut byte)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            head.push(byte[0]);
        }
        if head.starts_with(b"HTTP/1.1 101 ") { Ok(wire) } else { Err(ErrorKind::ConnectionRefused.into()) }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub(crate) fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.write(&frame(OpCode::Binary, message))
    }

    /// The next message.
    pub(crate) fn receive(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.reader.next(&mut self.received, &mut self.consumed, &LIMITS) {
                Ok(Some(Event::Message { payload, .. })) => return Ok(payload.to_vec()),
                Ok(Some(Event::Ping(payload))) => {
                    let pong = frame(OpCode::Pong, payload);
                    self.write(&pong)?;
                }
                Ok(Some(Event::Pong(_))) => {}
                Ok(Some(Event::Close(_))) => return Err(ErrorKind::ConnectionAborted.into()),
                Ok(None) => {
                    self.received.resize(64 << 10, 0);
                    self.consumed = 0;
                    let count = self.stream.read(&mut self.received)?;
                    self.received.truncate(count);
                    if count == 0 {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(violation) => return Err(io::Error::other(violation.to_string())),
            }
        }
    }

    /// From here on writes take what fits and reads what is there.
    pub(crate) fn hurry(&self) -> io::Result<()> {
        self.stream.set_nonblocking(true)
    }

    /// Writes what fits; how much that was. Only after [`Wire::hurry`].
    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.stream.write(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            result => result,
        }
    }

    /// Reads and forgets what is there; how much that was. Only after [`Wire::hurry`].
    pub(crate) fn drain(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 << 10];
        let mut drained = 0;
        // A server that sends on and on must not keep this thread.
        for _ in 0..16 {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => drained += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(drained)
    }
}

pub(crate) fn request(path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
}

pub(crate) fn frame(opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_masked_frame(&mut bytes, opcode, payload, KEY);
    bytes
}

/// A masked frame's header that declares so many bytes and is followed by none.
pub(crate) fn declared(first: u8, bytes: u64) -> Vec<u8> {
    let mut header = vec![first, 0x80 | 127];
    header.extend(bytes.to_be_bytes());
    header.extend(KEY);
    header
}

/// A sync message of this type.
pub(crate) fn sync(kind: u64, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    put_uint(&mut message, 0);
    put_uint(&mut message, kind);
    put_buf(&mut message, body);
    message
}

/// A Yjs update in which `client` appends `text` at `clock`, behind what it wrote before.
pub(crate) fn update(client: u32, clock: u32, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for value in [1, 1, u64::from(client), u64::from(clock)] {
        put_uint(&mut out, value);
    }
    match clock.checked_sub(1) {
        Some(last) => {
            // A string with an origin.
            out.push(0x84);
            put_uint(&mut out, u64::from(client));
            put_uint(&mut out, u64::from(last));
        }
        None => {
            // A string under a root.
            out.push(4);
            put_uint(&mut out, 1);
            put_buf(&mut out, b"text");
        }
    }
    put_buf(&mut out, text);
    put_uint(&mut out, 0);
    out
}

/// An awareness message with one state.
pub(crate) fn awareness(client: u32, clock: u32, json: &str) -> Vec<u8> {
    let mut states = Vec::new();
    for value in [1, u64::from(client), u64::from(clock)] {
        put_uint(&mut states, value);
    }
    put_buf(&mut states, json.as_bytes());
    let mut message = Vec::new();
    put_uint(&mut message, 1);
    put_buf(&mut message, &states);
    message
}
