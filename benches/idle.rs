//! What an idle, attached connection costs the server in user space. Starts the built server, opens connections that complete the opening
//! of a y-websocket client, lets them rest, and reads the server's anonymous memory before and after.
//!
//! `scripts/bench idle`, or by itself `cargo test --release --workspace --bench idle -- --bench --connections 20000 --documents 2000 --shards 2
//! --driver uring`. Ends with 1 where a connection costs more than `--bytes-max` (300). Documents are part of what is measured: few
//! connections on each make each dearer.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

/// Connections from one loopback address: below the number of ephemeral ports.
const CONNECTIONS_PER_ADDRESS: usize = 20_000;

struct Arguments {
    connections: usize,
    documents: usize,
    driver: String,
    shards: usize,
    bytes_max: f64,
    /// How long the server rests before its memory is read: allocators give back what was freed after some seconds.
    rest: Duration,
}

fn main() -> ExitCode {
    match measure() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<bool, Box<dyn Error>> {
    let arguments = arguments()?;
    let descriptors = raise_open_files();
    // This process holds the other end of each, and the server as many.
    let connections = arguments.connections.min(descriptors.saturating_sub(2_000));
    let server = Server::start(&arguments)?;

    // The first clients make what the server makes once: rings, arenas, tables.
    let mut clients = vec![attach(&server, 0, &arguments)?];
    std::thread::sleep(arguments.rest);
    let before = server.anonymous_bytes()?;
    for number in 1..=connections {
        clients.push(attach(&server, number, &arguments)?);
    }
    let opened = server.anonymous_bytes()?;
    std::thread::sleep(arguments.rest);
    let after = server.anonymous_bytes()?;
    let each = |bytes: u64| bytes.saturating_sub(before) as f64 / connections as f64;
    println!(
        "- `--driver {}`, {} shards, {connections} connections on {} documents: **{:.0} bytes each** ({:.0} right after opening).",
        arguments.driver,
        arguments.shards,
        arguments.documents,
        each(after),
        each(opened),
    );
    drop(clients);
    Ok(each(after) <= arguments.bytes_max)
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    // Cargo says so where it is a bench; without, it is a test, which only proves that all of this works.
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let mut arguments = Arguments {
        connections: if is_bench { 20_000 } else { 20 },
        documents: 200,
        driver: "uring".to_owned(),
        shards: 2,
        bytes_max: if is_bench { 300.0 } else { f64::INFINITY },
        rest: if is_bench { Duration::from_secs(15) } else { Duration::ZERO },
    };
    let mut given = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(name) = given.next() {
        let value = given.next().ok_or("every flag has a value")?;
        match name.as_str() {
            "--connections" => arguments.connections = value.parse()?,
            "--documents" => arguments.documents = value.parse()?,
            "--driver" => arguments.driver = value,
            "--shards" => arguments.shards = value.parse()?,
            "--bytes-max" => arguments.bytes_max = value.parse()?,
            _ => return Err(format!("{name} is unknown").into()),
        }
    }
    Ok(arguments)
}

fn raise_open_files() -> usize {
    let limit = getrlimit(Resource::Nofile);
    // What cannot be raised is measured with fewer connections.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |current| usize::try_from(current).unwrap_or(usize::MAX))
}

struct Server {
    child: Child,
    address: SocketAddr,
    folder: std::path::PathBuf,
}

impl Server {
    fn start(arguments: &Arguments) -> Result<Self, Box<dyn Error>> {
        let folder = std::env::temp_dir().join(format!("selvedge-idle-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let mut child = Command::new(env!("CARGO_BIN_EXE_selvedge"))
            .env_clear()
            .args(["--listen", "127.0.0.1:0", "--driver", &arguments.driver, "--shards", &arguments.shards.to_string()])
            // Idle means idle: nothing is sent and nothing ends while it is measured.
            .args(["--heartbeat-ms", "24999", "--log-level", "info"])
            .arg("--data-dir")
            .arg(folder.join("data"))
            .stderr(Stdio::piped())
            .spawn()?;
        let mut log = BufReader::new(child.stderr.take().ok_or("its log is piped")?);
        let mut line = String::new();
        let address = loop {
            line.clear();
            if log.read_line(&mut line)? == 0 {
                return Err("the server ended".into());
            }
            if let Some((_, rest)) = line.split_once("listening on ") {
                break rest.split_whitespace().next().ok_or("an address")?.parse()?;
            }
        };
        // A full pipe must not stop it.
        std::thread::spawn(move || io::copy(&mut log, &mut io::stderr()));
        Ok(Self { child, address, folder })
    }

    fn anonymous_bytes(&self) -> Result<u64, Box<dyn Error>> {
        let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let line = rollup
            .lines()
            .find(|line| line.starts_with("Anonymous:"))
            .ok_or("the kernel says how much is anonymous")?;
        let kilobytes: u64 = line.split_whitespace().nth(1).ok_or("a number")?.parse()?;
        Ok(kilobytes * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Opens a connection, and goes through the opening of a y-websocket client: SyncStep1, and the server's two messages.
fn attach(server: &Server, number: usize, arguments: &Arguments) -> Result<TcpStream, Box<dyn Error>> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let host = u8::try_from(2 + number / CONNECTIONS_PER_ADDRESS)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0)).into())?;
    socket.connect(&server.address.into())?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let document = number % arguments.documents;
    let mut opening = format!(
        "GET /yjs/idle-{document} HTTP/1.1\r\nHost: idle\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes();
    opening.extend([0x82, 0x84, 0, 0, 0, 0, 0, 0, 1, 0]);
    stream.write_all(&opening)?;
    let mut received = Vec::new();
    let mut buffer = [0; 1024];
    // The answer of an empty document to a SyncStep1.
    while !received.ends_with(&[0, 1, 2, 0, 0]) {
        match stream.read(&mut buffer)? {
            0 => return Err("the server closed".into()),
            count => received.extend_from_slice(&buffer[..count]),
        }
    }
    Ok(stream)
}
