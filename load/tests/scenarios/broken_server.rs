//! Servers that do not do what they should, each in its own way. Threads end with their connections.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use selvedge_protocol::http::{Limits as HeadLimits, RequestKind, parse_request, write_upgrade};
use selvedge_protocol::sync::{Message, parse, put_sync_step_2};
use selvedge_protocol::websocket::{CloseCode, CloseFrame, Event, Limits, Reader, Role, put_close};

type Serve = fn(TcpStream) -> io::Result<()>;

pub(crate) struct BrokenServer(SocketAddr);

impl BrokenServer {
    /// Answers whoever asks for a document, which is always empty, and relays nothing.
    pub(crate) const SWALLOWS: Serve = swallow;
    pub(crate) const REFUSES: Serve = |mut stream| {
        read_head(&mut stream)?;
        stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")?;
        rest(stream)
    };
    pub(crate) const CLOSES: Serve = |mut stream| {
        upgrade(&mut stream)?;
        let mut frame = Vec::new();
        put_close(&mut frame, Some(CloseFrame { code: CloseCode::TRY_AGAIN_LATER, reason: "full" }));
        stream.write_all(&frame)?;
        rest(stream)
    };
    pub(crate) const HANGS_UP: Serve = |mut stream| {
        upgrade(&mut stream)?;
        stream.shutdown(std::net::Shutdown::Write)?;
        rest(stream)
    };
    pub(crate) const TALKS_NONSENSE: Serve = |mut stream| {
        read_head(&mut stream)?;
        stream.write_all(b"220 mail\r\n")?;
        rest(stream)
    };

    pub(crate) fn start(serve: Serve) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever only looks whether somebody listens breaks off.
                thread::spawn(move || drop(serve(stream)));
            }
        });
        Self(address)
    }

    pub(crate) fn documents(&self) -> String {
        format!("ws://{}/{{document}}", self.0)
    }
}

fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(head)
}

fn upgrade(stream: &mut TcpStream) -> io::Result<()> {
    let head = read_head(stream)?;
    let (request, _) = parse_request(&head, &HeadLimits { head_bytes_max: 4096 }).expect("legal").expect("whole");
    let RequestKind::Upgrade { key } = request.kind else { panic!("an upgrade is asked for") };
    let mut answer = Vec::new();
    write_upgrade(&mut answer, &key, None, None);
    stream.write_all(&answer)
}

/// Until the peer ends it, so that what was sent is not lost.
fn rest(mut stream: TcpStream) -> io::Result<()> {
    io::copy(&mut stream, &mut io::sink()).map(drop)
}

fn swallow(mut stream: TcpStream) -> io::Result<()> {
    upgrade(&mut stream)?;
    let limits = Limits { message_bytes_max: 1 << 20, fragments_max: 16 };
    let mut reader = Reader::new(Role::Server);
    let mut buffer = [0; 4096];
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        let (data, mut consumed, mut answer) = (&mut buffer[..length], 0, Vec::new());
        while let Some(event) = reader.next(data, &mut consumed, &limits).map_err(io::Error::other)? {
            if let Event::Message { payload, .. } = event
                && let Ok(Message::SyncStep1 { .. }) = parse(payload)
            {
                put_sync_step_2(&mut answer, &[0, 0]);
            }
        }
        stream.write_all(&answer)?;
    }
}
