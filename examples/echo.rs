//! Echo on the driver seam, and what each driver does of it: `echo [connections] [seconds]`.
//!
//! One server core with each driver in turn, and clients on other cores, all on loopback. Rounds are interleaved, so that the
//! machine's moods spread evenly.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use selvedge::driver::listener::{Options, claim};
use selvedge::driver::{Completion, ConnectionKey, Descriptors, Driver, Kind, Operation, Waker, open};
use selvedge_shards::Frame;

/// Every driver; the uring driver with sockets in slots as well, in one ring and in many.
const VARIANTS: [(Kind, Descriptors); 5] = [
    (Kind::Uring, Descriptors::Process),
    (Kind::Uring, Descriptors::DIRECT),
    (Kind::Uring, Descriptors::Direct { slots_per_ring_max: 16 }),
    (Kind::Monoio, Descriptors::Process),
    (Kind::MonoioEpoll, Descriptors::Process),
];
const ROUNDS: usize = 3;
const CLIENT_THREADS: usize = 2;
const MESSAGE_BYTES: usize = 64;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let connections = arguments.next().and_then(Result::ok).unwrap_or(200) as usize;
    let seconds = arguments.next().and_then(Result::ok).unwrap_or(2);
    println!("{connections} connections, {MESSAGE_BYTES} bytes, {ROUNDS} interleaved rounds of {seconds} s");
    for round in 0..ROUNDS {
        for variant in VARIANTS {
            let (name, rate, cpu) = measure(variant, connections, Duration::from_secs(seconds))?;
            println!("round {round}: {name:60} {rate:9.0} echoes/s, {cpu:5.2} us of server CPU each");
        }
    }
    Ok(())
}

/// Serves until told to stop; says its name and the time that its thread was computing.
fn serve(
    (kind, descriptors): (Kind, Descriptors),
    listener: TcpListener,
    stop: &AtomicBool,
    hand_waker: &mut dyn FnMut(Waker),
) -> io::Result<(String, Duration)> {
    let mut engine = open(kind, descriptors, Some(listener))?.engine;
    hand_waker(engine.waker());
    let mut operations = vec![Operation::Accept];
    let mut next = Vec::new();
    let mut connections = 0;
    while !stop.load(Ordering::Acquire) {
        engine.turn(&mut operations, None, &mut |completion| match completion {
            Completion::Accepted { socket } => {
                let key = ConnectionKey { index: connections, generation: 0 };
                connections += 1;
                next.extend([Operation::Adopt { key, socket }, Operation::Receive { key }]);
            }
            Completion::Received { key, data } => {
                next.push(Operation::Send { key, frame: Frame::new(data.to_vec()) });
            }
            Completion::Ended { key, .. } => next.push(Operation::Close { key }),
            Completion::AcceptFailed { .. }
            | Completion::Connected { .. }
            | Completion::Sent { .. }
            | Completion::Released { .. }
            | Completion::Closed { .. } => {}
        })?;
        operations.append(&mut next);
    }
    let slots = match descriptors {
        Descriptors::Process => String::new(),
        Descriptors::Direct { slots_per_ring_max } => format!(" {slots_per_ring_max}"),
    };
    let counters = engine.counters();
    let batch = counters.completions as f64 / counters.enters as f64;
    Ok((format!("{engine}{slots} ({batch:.0} completions/enter)"), computing()))
}

fn measure(variant: (Kind, Descriptors), connections: usize, length: Duration) -> io::Result<(String, f64, f64)> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = claim(any, 1, &Options::default()).map_err(io::Error::other)?.remove(0);
    let address = listener.local_addr()?;
    let (stop, echoes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (give, take) = std::sync::mpsc::channel();
    let server = {
        let stop = stop.clone();
        std::thread::spawn(move || serve(variant, listener, &stop, &mut |waker| drop(give.send(waker))))
    };
    let waker = take.recv().map_err(io::Error::other)?;
    let clients: Vec<_> = (0..CLIENT_THREADS)
        .map(|_| {
            let (stop, echoes) = (stop.clone(), echoes.clone());
            std::thread::spawn(move || client(address, connections / CLIENT_THREADS, &stop, &echoes))
        })
        .collect();
    let started = Instant::now();
    std::thread::sleep(length);
    stop.store(true, Ordering::Release);
    waker.wake();
    let (name, cpu) = server.join().expect("the server does not panic")?;
    let (elapsed, count) = (started.elapsed(), echoes.load(Ordering::Relaxed) as f64);
    for client in clients {
        // Cut off by the server that stopped.
        let _ = client.join().expect("a client does not panic");
    }
    Ok((name, count / elapsed.as_secs_f64(), cpu.as_secs_f64() * 1e6 / count))
}

/// One message on each connection at a time.
fn client(address: SocketAddr, connections: usize, stop: &AtomicBool, echoes: &AtomicU64) -> io::Result<()> {
    let mut streams = (0..connections).map(|_| TcpStream::connect(address)).collect::<io::Result<Vec<_>>>()?;
    let mut back = [0; MESSAGE_BYTES];
    while !stop.load(Ordering::Acquire) {
        for stream in &mut streams {
            stream.write_all(&[7; MESSAGE_BYTES])?;
        }
        for stream in &mut streams {
            stream.read_exact(&mut back)?;
        }
        echoes.fetch_add(connections as u64, Ordering::Relaxed);
    }
    Ok(())
}

/// CPU time of the calling thread.
fn computing() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
