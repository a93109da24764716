//! What the kernel's TCP settings cost and give, on sockets of our own. It changes no setting and starts no server: `tuning/measure`
//! runs it once for each value, in a network namespace where that value holds.
//!
//! `cargo bench --workspace --bench kernel -- CASE COUNT`, where CASE is `idle`, `stalled`, `bulk`, `burst` or `echo`; without, all
//! of them small, as a test.

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

/// As the server's listeners have it.
const BACKLOG: i32 = 4096;
/// Bytes of one update that a stalled reader does not take.
const UPDATE_BYTES: usize = 200;
/// What one client that joins a large document is sent.
const BULK_BYTES: usize = 20 << 20;
/// Each case has to end, also where a setting makes everything slow.
const CASE_MAX: Duration = Duration::from_secs(60);

type Measured = Result<String, Box<dyn Error>>;

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let count = given.get(1).and_then(|count| count.parse().ok()).filter(|count| (1..=9_000).contains(count));
    let measured = match (given.first().map(String::as_str), count) {
        (None, _) => every_case(),
        (Some("idle"), Some(count)) => idle(count),
        (Some("stalled"), Some(count)) => stalled(count),
        (Some("bulk"), Some(count)) => bulk(count),
        (Some("burst"), Some(count)) => burst(count),
        (Some("echo"), Some(count)) => echo(count),
        _ => Err("usage: idle|stalled|bulk|burst|echo COUNT, at most 9000 connections".into()),
    };
    match measured {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// As a test, which only proves that all of this works.
fn every_case() -> Measured {
    let lines = [idle(10)?, stalled(2)?, bulk(1)?, burst(10)?, echo(10)?];
    Ok(lines.join("\n"))
}

/// Kernel memory of connections on which one small message has gone each way and nothing is under way.
fn idle(count: usize) -> Measured {
    let listener = listen()?;
    let mut pairs = vec![pair(&listener)?];
    let before = (buffers()?, slab()?);
    for _ in 0..count {
        let (mut server, mut client) = pair(&listener)?;
        let mut message = [7; UPDATE_BYTES];
        client.write_all(&message)?;
        server.read_exact(&mut message)?;
        server.write_all(&message)?;
        client.read_exact(&mut message)?;
        pairs.push((server, client));
    }
    let each = |before: u64, after: u64| (after as f64 - before as f64) / count as f64;
    Ok(format!(
        "idle: {:.0} bytes of buffers and {:.0} bytes of slab for each connection, both ends",
        each(before.0, buffers()?),
        each(before.1, slab()?)
    ))
}

/// Buffer memory of connections whose reader takes nothing, when the writer has written all that the kernel takes.
fn stalled(count: usize) -> Measured {
    let listener = listen()?;
    let before = buffers()?;
    let mut pairs = Vec::with_capacity(count);
    let mut taken = 0;
    let started = Instant::now();
    for _ in 0..count {
        let (mut server, client) = pair(&listener)?;
        server.set_nonblocking(true)?;
        taken += fill(&mut server, started)?;
        pairs.push((server, client));
    }
    let held = buffers()?.saturating_sub(before);
    Ok(format!(
        "stalled: the kernel took {} bytes of {UPDATE_BYTES}-byte updates and holds {} bytes of buffers for each connection, both ends",
        taken / count,
        held / count as u64
    ))
}

/// Writes until the kernel takes nothing for a while: what is under way on loopback arrives within it.
fn fill(socket: &mut TcpStream, started: Instant) -> Result<usize, Box<dyn Error>> {
    let update = [7; UPDATE_BYTES];
    let (mut taken, mut refused) = (0, 0);
    while refused < 3 {
        if started.elapsed() > CASE_MAX {
            return Err("the kernel still takes data".into());
        }
        match socket.write(&update) {
            Ok(written) => (taken, refused) = (taken + written, 0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                refused += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(taken)
}

/// One large document to one client at a time.
fn bulk(count: usize) -> Measured {
    let listener = listen()?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let (mut server, mut client) = pair(&listener)?;
        let started = Instant::now();
        let writer = std::thread::spawn(move || server.write_all(&vec![7; BULK_BYTES]));
        let received = std::io::copy(&mut client, &mut std::io::sink())?;
        writer.join().expect("writing does not panic")?;
        assert_eq!(received, BULK_BYTES as u64, "a stream loses nothing");
        times.push(started.elapsed());
    }
    let (median, slowest) = of(&mut times);
    Ok(format!("bulk: {BULK_BYTES} bytes in {median:.1?} (median of {count}), slowest {slowest:.1?}"))
}

/// Connections that come while nobody accepts: how many stand, and how many would have to try again.
fn burst(count: usize) -> Measured {
    let listener = listen()?;
    let address = listener.local_addr()?;
    let before = overflows()?;
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&address.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(IN_PROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        clients.push(socket);
    }
    let stand = clients.iter().filter(|client| client.peer_addr().is_ok()).count();
    Ok(format!("burst: of {count} at once {stand} stand, {} were dropped to try again", overflows()? - before))
}

/// EINPROGRESS: the answer to the SYN has not come.
const IN_PROGRESS: i32 = 115;

/// Round trips of one small message on one connection, each side asleep until it comes.
fn echo(count: usize) -> Measured {
    let listener = listen()?;
    let (mut server, mut client) = pair(&listener)?;
    let answering = std::thread::spawn(move || -> std::io::Result<()> {
        let mut message = [0; UPDATE_BYTES];
        for _ in 0..count {
            server.read_exact(&mut message)?;
            server.write_all(&message)?;
        }
        Ok(())
    });
    let mut message = [7; UPDATE_BYTES];
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let started = Instant::now();
        client.write_all(&message)?;
        client.read_exact(&mut message)?;
        times.push(started.elapsed());
    }
    answering.join().expect("answering does not panic")?;
    let (median, slowest) = of(&mut times);
    Ok(format!("echo: round trip {median:.1?} (median of {count}), slowest {slowest:.1?}"))
}

fn of(times: &mut [Duration]) -> (Duration, Duration) {
    times.sort();
    (times[times.len() / 2], times[times.len() - 1])
}

fn listen() -> Result<TcpListener, Box<dyn Error>> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn pair(listener: &TcpListener) -> Result<(TcpStream, TcpStream), Box<dyn Error>> {
    let client = TcpStream::connect(listener.local_addr()?)?;
    client.set_read_timeout(Some(CASE_MAX))?;
    let (server, _) = listener.accept()?;
    server.set_read_timeout(Some(CASE_MAX))?;
    Ok((server, client))
}

/// Pages that TCP holds for buffers, of the whole machine, in bytes.
fn buffers() -> Result<u64, Box<dyn Error>> {
    let sockstat = std::fs::read_to_string("/proc/net/sockstat")?;
    let tcp = sockstat.lines().find(|line| line.starts_with("TCP:")).ok_or("the kernel counts TCP sockets")?;
    let pages: u64 =
        tcp.split_whitespace().skip_while(|word| *word != "mem").nth(1).ok_or("with their pages")?.parse()?;
    Ok(pages * 4096)
}

/// The kernel's small objects, of the whole machine, in bytes.
fn slab() -> Result<u64, Box<dyn Error>> {
    let meminfo = std::fs::read_to_string("/proc/meminfo")?;
    let line = meminfo.lines().find(|line| line.starts_with("Slab:")).ok_or("the kernel counts its slabs")?;
    Ok(line.split_whitespace().nth(1).ok_or("with a number")?.parse::<u64>()? * 1024)
}

/// Connections that were dropped because a listener's queue was full.
fn overflows() -> Result<u64, Box<dyn Error>> {
    let netstat = std::fs::read_to_string("/proc/net/netstat")?;
    let mut lines = netstat.lines().filter(|line| line.starts_with("TcpExt:"));
    let names = lines.next().ok_or("the kernel counts TCP events")?;
    let values = lines.next().ok_or("with their numbers")?;
    let found = names.split_whitespace().zip(values.split_whitespace()).find(|(name, _)| *name == "ListenOverflows");
    Ok(found.ok_or("overflows among them")?.1.parse()?)
}
