//! What TLS costs the built server, against the same without it: memory of an idle connection, processor time of a handshake, and
//! of a message that comes in and one that goes out. And how long an open connection waits while many begin at once, all on one core.
//!
//! `scripts/bench tls`, or by itself `cargo test --release --workspace --bench tls -- --bench`; `--connections 18000`, `--handshakes 4000` and
//! `--messages 200000` choose how much, `--only` one of idle, opening, storm and echo. Ends with 1 where an idle connection costs more than
//! 8 KiB in user space. Processor time is the server's own, as the kernel counts it, so that others on the machine hardly disturb it; rates
//! are what one core would do with that.

#[path = "process/memory.rs"]
mod memory;
#[path = "process/open_files.rs"]
mod open_files;
#[path = "process/server.rs"]
mod server;

use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};

use memory::anonymous_bytes;
use server::{Folder, Server};

/// What an idle connection inside TLS may cost in user space.
const IDLE_BYTES_MAX: u64 = 8_192;

/// What nobody answers for this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Handshakes that arrive in one moment.
const STORM: usize = 256;

/// Messages of the echo that are under way: the server always has something to do.
const WINDOW: usize = 64;

type Failed = Box<dyn Error>;

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

struct Arguments {
    connections: usize,
    handshakes: usize,
    messages: usize,
    rest: Duration,
    /// One part, or all.
    only: Option<String>,
}

impl Arguments {
    fn wants(&self, part: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == part)
    }
}

fn arguments() -> Result<Arguments, Failed> {
    // Cargo says so where it is a bench; without, it is a test, which only proves that all of this works.
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let mut arguments = if is_bench {
        Arguments {
            connections: 10_000,
            handshakes: 4_000,
            messages: 200_000,
            rest: Duration::from_secs(12),
            only: None,
        }
    } else {
        Arguments { connections: 20, handshakes: 20, messages: 200, rest: Duration::ZERO, only: None }
    };
    let mut given = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(name) = given.next() {
        let value = given.next().ok_or("every flag has a value")?;
        match name.as_str() {
            "--connections" => arguments.connections = value.parse()?,
            "--handshakes" => arguments.handshakes = value.parse()?,
            "--messages" => arguments.messages = value.parse()?,
            "--only" => arguments.only = Some(value),
            _ => return Err(format!("{name} is unknown").into()),
        }
    }
    Ok(arguments)
}

fn measure() -> Result<bool, Failed> {
    let arguments = arguments()?;
    open_files::raise();
    let (ecdsa, rsa) = (Identity::ecdsa()?, Identity::rsa()?);
    let lanes =
        [Lane::Plain, Lane::Tls { identity: &ecdsa, version: &TLS13 }, Lane::Tls { identity: &ecdsa, version: &TLS12 }];

    let mut within = true;
    for lane in lanes.into_iter().filter(|_| arguments.wants("idle")) {
        let each = idle_bytes(lane, &arguments)?;
        println!(
            "- idle, {lane}: **{each} bytes** each, {} connections, user space of the server.",
            arguments.connections
        );
        within &= each <= IDLE_BYTES_MAX || arguments.rest.is_zero();
    }
    if arguments.wants("opening") {
        for lane in [lanes[0], lanes[1], lanes[2], Lane::Tls { identity: &rsa, version: &TLS13 }] {
            handshakes(lane, Opening::Full, &arguments)?;
        }
        handshakes(lanes[1], Opening::Resumed, &arguments)?;
    }
    for identity in [&ecdsa, &rsa].into_iter().filter(|_| arguments.wants("storm")) {
        storm(Lane::Tls { identity, version: &TLS13 }, &arguments)?;
    }
    for bytes in [100, 4_096, 65_536].into_iter().filter(|_| arguments.wants("echo")) {
        for lane in lanes {
            echoes(lane, bytes, &arguments)?;
        }
    }
    Ok(within)
}

/// With what a client connects.
#[derive(Clone, Copy)]
enum Lane<'a> {
    Plain,
    Tls { identity: &'a Identity, version: &'static SupportedProtocolVersion },
}

impl fmt::Display for Lane<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("plain"),
            Self::Tls { identity, version } => write!(f, "{:?}, {}", version.version, identity.name),
        }
    }
}

/// Whether a client has been there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    Full,
    Resumed,
}

/// A certificate that this process trusts.
struct Identity {
    name: &'static str,
    certificate_pem: String,
    key_pem: String,
    certificate: CertificateDer<'static>,
}

impl Identity {
    fn ecdsa() -> Result<Self, Failed> {
        Self::of("ECDSA P-256", KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)
    }

    fn rsa() -> Result<Self, Failed> {
        Self::of("RSA 2048", KeyPair::generate_for(&PKCS_RSA_SHA256)?)
    }

    fn of(name: &'static str, key: KeyPair) -> Result<Self, Failed> {
        let certificate = CertificateParams::new(["localhost".to_owned()])?.self_signed(&key)?;
        Ok(Self {
            name,
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            certificate: certificate.der().clone(),
        })
    }

    fn client(
        &self,
        version: &'static SupportedProtocolVersion,
        opening: Opening,
    ) -> Result<Arc<ClientConfig>, Failed> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        if opening == Opening::Full {
            config.resumption = Resumption::disabled();
        }
        Ok(Arc::new(config))
    }
}

/// A server with one core, that speaks what the lane does.
fn serve(lane: Lane<'_>) -> Result<Server, Failed> {
    let folder = Folder::new()?;
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    let paths = [&certificate, &key].map(|path| path.display().to_string());
    // Idle means idle: nothing is sent while memory is measured.
    let mut flags = vec!["--shards", "1", "--conformance", "--heartbeat-ms", "24999", "--upgrade-timeout-ms", "60000"];
    if let Lane::Tls { identity, .. } = lane {
        fs::write(&certificate, &identity.certificate_pem)?;
        fs::write(&key, &identity.key_pem)?;
        flags.extend(["--tls-certificate-file", &paths[0], "--tls-key-file", &paths[1]]);
    }
    Server::start(folder, &flags)
}

/// Processor time of all threads of a process, in nanoseconds.
fn cpu_ns(pid: u32) -> Result<u64, Failed> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let schedstat = fs::read_to_string(task?.path().join("schedstat"))?;
        sum += schedstat.split_whitespace().next().ok_or("a number")?.parse::<u64>()?;
    }
    Ok(sum)
}

/// The other end.
trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

fn connect(server: &Server, config: Option<&Arc<ClientConfig>>) -> Result<Box<dyn Wire>, Failed> {
    let stream = TcpStream::connect(server.address())?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(match config {
        None => Box::new(stream),
        Some(config) => {
            let tls = ClientConnection::new(Arc::clone(config), ServerName::try_from("localhost")?)?;
            Box::new(StreamOwned::new(tls, stream))
        }
    })
}

fn config_of(lane: Lane<'_>, opening: Opening) -> Result<Option<Arc<ClientConfig>>, Failed> {
    match lane {
        Lane::Plain => Ok(None),
        Lane::Tls { identity, version } => identity.client(version, opening).map(Some),
    }
}

/// Asks for a WebSocket, and reads to the end of the answer.
fn upgrade(wire: &mut dyn Wire, path: &str) -> Result<(), Failed> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    wire.write_all(request.as_bytes())?;
    wire.flush()?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        wire.read_exact(&mut byte)?;
        answer.extend(byte);
    }
    if answer.starts_with(b"HTTP/1.1 101 ") { Ok(()) } else { Err(String::from_utf8_lossy(&answer).into()) }
}

/// Anonymous memory of the server for each connection that has attached and rests.
fn idle_bytes(lane: Lane<'_>, arguments: &Arguments) -> Result<u64, Failed> {
    let server = serve(lane)?;
    let config = config_of(lane, Opening::Full)?;
    let attach = |number: usize| -> Result<TcpStream, Failed> {
        let mut stream = TcpStream::connect(server.address())?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let path = format!("/yjs/idle-{}", number % 200);
        match &config {
            None => upgrade(&mut stream, &path)?,
            Some(config) => {
                let mut tls = ClientConnection::new(Arc::clone(config), ServerName::try_from("localhost")?)?;
                upgrade(&mut rustls::Stream::new(&mut tls, &mut stream), &path)?;
            }
        }
        // Only the socket is kept: this process must not need more than the server.
        Ok(stream)
    };
    // The first clients make what the server makes once: rings, arenas, tables, documents.
    let mut streams = (0..200).map(&attach).collect::<Result<Vec<_>, _>>()?;
    std::thread::sleep(arguments.rest);
    let before = anonymous_bytes(server.pid())?;
    for number in 0..arguments.connections {
        streams.push(attach(number)?);
    }
    // Allocators give back what was freed after some seconds.
    std::thread::sleep(arguments.rest);
    let after = anonymous_bytes(server.pid())?;
    drop(streams);
    Ok(after.saturating_sub(before) / arguments.connections as u64)
}

/// Opens WebSockets one after the other on a few threads, as fast as the server goes.
fn handshakes(lane: Lane<'_>, opening: Opening, arguments: &Arguments) -> Result<(), Failed> {
    let server = serve(lane)?;
    let config = config_of(lane, opening)?;
    let open = |count: usize| -> Result<(), String> {
        for _ in 0..count {
            let opened = connect(&server, config.as_ref()).and_then(|mut wire| upgrade(&mut *wire, "/echo"));
            opened.map_err(|error| error.to_string())?;
        }
        Ok(())
    };
    // So that there are tickets, and everything that is made once.
    open(20)?;
    let (started, before) = (Instant::now(), cpu_ns(server.pid())?);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(|| open(arguments.handshakes / 2))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("it does not panic"))
    })?;
    let elapsed = started.elapsed();
    let each = (cpu_ns(server.pid())? - before) / arguments.handshakes as u64;
    println!(
        "- opening a WebSocket, {lane}, {opening:?}: **{:.0} us** of the server's processor time, {} a second for a core ({:.0} a \
         second were opened here).",
        each as f64 / 1e3,
        1_000_000_000 / each.max(1),
        arguments.handshakes as f64 / elapsed.as_secs_f64(),
    );
    Ok(())
}

/// Many handshakes at once, and what one open connection notices of them.
fn storm(lane: Lane<'_>, arguments: &Arguments) -> Result<(), Failed> {
    let server = serve(lane)?;
    let config = config_of(lane, Opening::Full)?.ok_or("a storm of handshakes")?;
    let quiet = AtomicBool::new(true);
    let over = AtomicBool::new(false);
    let (ping, echo_bytes) = message(20);
    let pings = || -> Result<[Vec<Duration>; 2], String> {
        let mut wire = connect(&server, Some(&config)).map_err(|error| error.to_string())?;
        upgrade(&mut *wire, "/echo").map_err(|error| error.to_string())?;
        let (mut waits, mut echo) = ([Vec::new(), Vec::new()], vec![0; echo_bytes]);
        while !over.load(Ordering::Relaxed) {
            let (is_quiet, sent) = (quiet.load(Ordering::Relaxed), Instant::now());
            wire.write_all(&ping).and_then(|()| wire.flush()).map_err(|error| error.to_string())?;
            wire.read_exact(&mut echo).map_err(|error| error.to_string())?;
            waits[usize::from(!is_quiet)].push(sent.elapsed());
        }
        Ok(waits)
    };
    let waits = std::thread::scope(|scope| -> Result<_, Failed> {
        let pings = scope.spawn(pings);
        let rounds = if arguments.rest.is_zero() { 1 } else { 8 };
        let stormed = (0..rounds).try_for_each(|_| -> Result<(), Failed> {
            let mut begun = Vec::new();
            for _ in 0..STORM {
                let stream = TcpStream::connect(server.address())?;
                stream.set_read_timeout(Some(PATIENCE))?;
                let mut hello = Vec::new();
                ClientConnection::new(Arc::clone(&config), ServerName::try_from("localhost")?)?
                    .write_tls(&mut hello)?;
                begun.push((stream, hello));
            }
            quiet.store(false, Ordering::Relaxed);
            for (stream, hello) in &mut begun {
                stream.write_all(hello)?;
            }
            for (stream, _) in &mut begun {
                stream.read_exact(&mut [0])?;
            }
            quiet.store(true, Ordering::Relaxed);
            Ok(())
        });
        over.store(true, Ordering::Relaxed);
        stormed?;
        Ok(pings.join().expect("it does not panic")?)
    })?;
    let [quiet, stormy] = waits.map(|mut waits| {
        waits.sort_unstable();
        let at = |permille: usize| waits.get((waits.len() * permille / 1_000).min(waits.len().saturating_sub(1)));
        format!("{:.2?}, 99 % {:.2?}", at(500).copied().unwrap_or_default(), at(990).copied().unwrap_or_default())
    });
    println!(
        "- an echo beside {STORM} handshakes at once, {lane}: half come back within **{stormy}**; between the storms {quiet}."
    );
    Ok(())
}

/// Messages of one size to the echo and back, some of them under way at any time.
fn echoes(lane: Lane<'_>, bytes: usize, arguments: &Arguments) -> Result<(), Failed> {
    let server = serve(lane)?;
    let config = config_of(lane, Opening::Full)?;
    // As many bytes for all sizes, but not more messages than were asked for.
    let messages = (arguments.messages * 1_000 / bytes.max(1_000)).max(100);
    let (message, echo_bytes) = message(bytes);
    let run = |messages: usize| -> Result<(), Failed> {
        let mut wire = connect(&server, config.as_ref())?;
        upgrade(&mut *wire, "/echo")?;
        let window = WINDOW.min((256 << 10) / message.len()).max(1);
        let batch = message.repeat(window);
        let mut echo = vec![0; echo_bytes * window];
        for _ in 0..messages.div_ceil(window) {
            wire.write_all(&batch)?;
            wire.flush()?;
            wire.read_exact(&mut echo)?;
        }
        Ok(())
    };
    run(100)?;
    let (started, before) = (Instant::now(), cpu_ns(server.pid())?);
    run(messages)?;
    let elapsed = started.elapsed();
    let each = (cpu_ns(server.pid())? - before) as f64 / messages as f64;
    println!(
        "- echo of {bytes} bytes, {lane}: **{:.2} us** of the server's processor time, {:.0} a second for a core ({:.0} a second came back \
         here).",
        each / 1e3,
        1e9 / each,
        messages as f64 / elapsed.as_secs_f64(),
    );
    Ok(())
}

/// A masked binary message (with a mask of nothing), and the length of its echo.
fn message(bytes: usize) -> (Vec<u8>, usize) {
    let mut frame = vec![0x82];
    match bytes {
        0..=125 => frame.push(0x80 | bytes as u8),
        126..=0xffff => {
            frame.push(0xfe);
            frame.extend((bytes as u16).to_be_bytes());
        }
        _ => {
            frame.push(0xff);
            frame.extend((bytes as u64).to_be_bytes());
        }
    }
    let header = frame.len();
    frame.extend([0; 4]);
    frame.extend(std::iter::repeat_n(0, bytes));
    (frame, header + bytes)
}
