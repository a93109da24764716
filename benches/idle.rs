//! What an idle, attached connection costs the server in user space. Starts the built server, opens connections that complete the opening
//! of a client, lets them rest, and reads the server's anonymous memory before and after.
//!
//! `scripts/bench idle`, or by itself `cargo test --release --workspace --bench idle -- --bench --connections 20000 --documents 2000 --shards 2
//! --driver uring`. Ends with 1 where a connection costs more than `--bytes-max` (300). Documents are part of what is measured: few
//! connections on each make each dearer. With `--dialect hocuspocus` each connection has one document by a message, not by its path. With
//! `--descriptors direct` both ends hold their sockets in slots, and the limit of open files does not bound them.

#[path = "process/memory.rs"]
mod memory;
#[path = "process/open_files.rs"]
mod open_files;
#[path = "process/server.rs"]
mod server;

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use selvedge::driver::{Completion, ConnectionKey, Descriptors, Driver, Ending, Engine, Kind, Operation, open};
use selvedge_shards::Frame;

use memory::anonymous_bytes;
use server::{Folder, Server};

/// Connections from one loopback address: below half the number of ephemeral ports. The kernel tries the other half only when it has looked
/// through all of the first, at 100 us a connect.
const CONNECTIONS_PER_ADDRESS: usize = 12_000;

/// Connections that are being opened at once.
const OPENING_MAX: usize = 512;

/// How long one connection may take to be attached, and all of them to make no progress.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the clients speak.
#[derive(Clone, Copy)]
enum Dialect {
    YWebsocket,
    Hocuspocus,
}

const SYNC_STEP_1: &[u8] = &[0, 0, 1, 0];

struct Arguments {
    connections: usize,
    documents: usize,
    dialect: Dialect,
    driver: String,
    descriptors: String,
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
    let open_files = open_files::raise();
    let (descriptors, connections) = match arguments.descriptors.as_str() {
        // This process holds the other end of each, and the server as many.
        "process" => (Descriptors::Process, arguments.connections.min(open_files.saturating_sub(2_000))),
        "direct" => (Descriptors::DIRECT, arguments.connections),
        _ => return Err("--descriptors is process or direct".into()),
    };
    let server = serve(&arguments)?;

    // The first clients make what the server makes once: rings, arenas, tables.
    let mut clients = Clients::open(&server, descriptors, &arguments)?;
    clients.attach(1)?;
    clients.rest(arguments.rest)?;
    let before = anonymous_bytes(server.pid())?;
    let started = Instant::now();
    clients.attach(connections)?;
    let opened_per_s = connections as f64 / started.elapsed().as_secs_f64();
    let opened = anonymous_bytes(server.pid())?;
    clients.rest(arguments.rest)?;
    let after = anonymous_bytes(server.pid())?;
    let each = |bytes: u64| bytes.saturating_sub(before) as f64 / connections as f64;
    println!(
        "- `--driver {} --descriptors {}`, {} shards, {connections} connections on {} documents: **{:.0} bytes each** ({:.0} right after \
         opening), opened {opened_per_s:.0}/s.",
        arguments.driver,
        arguments.descriptors,
        arguments.shards,
        arguments.documents,
        each(after),
        each(opened),
    );
    drop(clients);
    Ok(each(after) <= arguments.bytes_max)
}

fn serve(arguments: &Arguments) -> Result<Server, Box<dyn Error>> {
    let (shards, connections_max) = (arguments.shards.to_string(), (arguments.connections + 1).to_string());
    let flags = [
        ["--driver", &arguments.driver],
        ["--descriptors", &arguments.descriptors],
        ["--shards", &shards],
        ["--connections-max", &connections_max],
        // Idle means idle: nothing is sent and nothing ends while it is measured.
        ["--heartbeat-ms", "24999"],
        ["--heartbeat-min-ms", "24999"],
    ];
    Server::start(Folder::new()?, flags.as_flattened())
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    // Cargo says so where it is a bench; without, it is a test, which only proves that all of this works.
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let mut arguments = Arguments {
        connections: if is_bench { 20_000 } else { 20 },
        documents: 200,
        dialect: Dialect::YWebsocket,
        driver: "uring".to_owned(),
        descriptors: "process".to_owned(),
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
            "--dialect" => {
                arguments.dialect = match value.as_str() {
                    "y-websocket" => Dialect::YWebsocket,
                    "hocuspocus" => Dialect::Hocuspocus,
                    _ => return Err("--dialect is y-websocket or hocuspocus".into()),
                }
            }
            "--driver" => arguments.driver = value,
            "--descriptors" => arguments.descriptors = value,
            "--shards" => arguments.shards = value.parse()?,
            "--bytes-max" => arguments.bytes_max = value.parse()?,
            _ => return Err(format!("{name} is unknown").into()),
        }
    }
    Ok(arguments)
}

/// The other ends of all connections.
struct Clients {
    engine: Engine,
    server: SocketAddr,
    documents: usize,
    dialect: Dialect,
    operations: Vec<Operation>,
    /// What those that are being opened have received.
    opening: BTreeMap<ConnectionKey, Vec<u8>>,
    begun: u32,
    attached: usize,
}

impl Clients {
    fn open(server: &Server, descriptors: Descriptors, arguments: &Arguments) -> io::Result<Self> {
        let engine = open(Kind::Uring, descriptors, None)?.engine;
        let Arguments { documents, dialect, .. } = *arguments;
        let (operations, opening) = (Vec::new(), BTreeMap::new());
        Ok(Self { engine, server: server.address(), documents, dialect, operations, opening, begun: 0, attached: 0 })
    }

    /// Opens so many connections more, and goes through the opening of a client with each.
    fn attach(&mut self, count: usize) -> Result<(), Box<dyn Error>> {
        let wanted = self.begun as usize + count;
        let mut progress = Instant::now();
        while self.attached < wanted {
            while self.opening.len() < OPENING_MAX && (self.begun as usize) < wanted {
                self.begin()?;
            }
            let attached = self.attached;
            self.turn(PATIENCE)?;
            if self.attached > attached {
                progress = Instant::now();
            } else if progress.elapsed() > PATIENCE {
                return Err(format!("{attached} are attached, and no more").into());
            }
        }
        Ok(())
    }

    /// Takes what comes, which is nothing but heartbeats and a ping. Nobody answers: what is measured ends before that matters.
    fn rest(&mut self, length: Duration) -> Result<(), Box<dyn Error>> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.turn(end.saturating_duration_since(Instant::now()))?;
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Box<dyn Error>> {
        let key = ConnectionKey { index: self.begun, generation: 0 };
        // Addresses of this process, because ports that an earlier one has used are taken for a minute.
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let network = u8::try_from(128 + self.begun as usize / CONNECTIONS_PER_ADDRESS)?;
        let from = Some(Ipv4Addr::new(127, network, high, low).into());
        self.operations.push(Operation::Connect { key, from, to: self.server, ending: Ending::Orderly });
        self.opening.insert(key, Vec::new());
        self.begun += 1;
        Ok(())
    }

    fn turn(&mut self, timeout: Duration) -> Result<(), Box<dyn Error>> {
        let (opening, documents, dialect) = (&mut self.opening, self.documents, self.dialect);
        let (mut next, mut attached, mut failed) = (Vec::new(), 0, None);
        let mut operations = std::mem::take(&mut self.operations);
        self.engine.turn(&mut operations, Some(timeout), &mut |completion| match completion {
            Completion::Connected { key, result: Ok(()) } => {
                next.push(Operation::Receive { key });
                next.push(Operation::Send { key, frame: Frame::new(request(key, documents, dialect)) });
            }
            Completion::Received { key, data } => {
                if let Some(received) = opening.get_mut(&key) {
                    received.extend_from_slice(data);
                    // The answer of an empty document to a SyncStep1; a ping may have come with it.
                    if received.windows(5).any(|bytes| bytes == [0, 1, 2, 0, 0]) {
                        opening.remove(&key);
                        attached += 1;
                    }
                }
            }
            Completion::Connected { result: Err(error), .. } => failed = Some(error),
            Completion::Ended { error, .. } => {
                failed = Some(error.unwrap_or_else(|| io::Error::other("the server closed")));
            }
            Completion::Sent { result, .. } => failed = result.err().or(failed.take()),
            Completion::Accepted { .. }
            | Completion::AcceptFailed { .. }
            | Completion::Released { .. }
            | Completion::Closed { .. } => {}
        })?;
        self.operations = next;
        self.attached += attached;
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// The upgrade, and a SyncStep1 of one who has nothing.
fn request(key: ConnectionKey, documents: usize, dialect: Dialect) -> Vec<u8> {
    let document = format!("idle-{}", key.index as usize % documents);
    let path = match dialect {
        Dialect::YWebsocket => format!("/yjs/{document}"),
        Dialect::Hocuspocus => "/hocuspocus".to_owned(),
    };
    let mut opening = format!(
        "GET {path} HTTP/1.1\r\nHost: idle\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes();
    let mut put = |address: &[u8], body: &[u8]| {
        let length = u8::try_from(address.len() + body.len()).expect("the messages of an opening are short");
        opening.extend([0x82, 0x80 | length, 0, 0, 0, 0]);
        opening.extend([address, body].concat());
    };
    match dialect {
        Dialect::YWebsocket => put(b"", SYNC_STEP_1),
        Dialect::Hocuspocus => {
            let length = u8::try_from(document.len()).expect("names are short");
            let address = [&[length], document.as_bytes()].concat();
            put(&address, b"\x02\x00\x00");
            put(&address, SYNC_STEP_1);
        }
    }
    opening
}
