//! The clients: threads that open connections and keep them busy, counting what comes back.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::thread::JoinHandle;
use std::time::Duration;

use selvedge::driver::{Completion, ConnectionKey, Descriptors, Driver, Ending, Kind, Operation, Waker, open};
use selvedge_protocol::websocket::{OpCode, put_masked_frame};
use selvedge_shards::Frame;

use crate::cores::pin;

pub(crate) const MESSAGE_BYTES: usize = 64;
/// The server's frames: two bytes of header, and the message.
const FRAME_BYTES: usize = 2 + MESSAGE_BYTES;
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// Connections that one thread opens at a time: below what a listener queues.
const OPENING_MAX: usize = 256;
/// Longest time to open what was asked for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the connections do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    /// Each sends a message when the one before came back.
    Echo,
    /// All are in one room; some send a message when their last came back.
    Room {
        /// How many do.
        publishers: usize,
    },
    /// Nothing.
    Idle,
}

enum Command {
    /// Open as many more.
    Open(usize),
    /// Begin to send.
    Go,
}

/// The threads.
pub(crate) struct Clients {
    threads: Vec<(Sender<Command>, Waker, JoinHandle<io::Result<()>>)>,
    /// One message for each thread and command to open.
    opened: Receiver<()>,
    /// Messages that came back.
    done: Arc<AtomicU64>,
}

impl Clients {
    pub(crate) fn start(address: SocketAddr, workload: Workload, threads: usize, cores: &[usize]) -> Self {
        let (say_opened, opened) = mpsc::channel();
        let done = Arc::new(AtomicU64::new(0));
        let threads = (0..threads).map(|number| {
            let (command, commands) = mpsc::channel();
            let (hand_waker, waker) = mpsc::channel();
            let publishers = match workload {
                Workload::Room { publishers } => (number..publishers).step_by(threads).collect(),
                Workload::Echo | Workload::Idle => Vec::new(),
            };
            let (core, say_opened, done) = (cores[number % cores.len()], say_opened.clone(), Arc::clone(&done));
            let thread = std::thread::spawn(move || {
                pin(&[core])?;
                let mut engine = open(Kind::Auto, Descriptors::Process, None)?.engine;
                hand_waker.send(engine.waker()).map_err(io::Error::other)?;
                let mut load = Load::new(address, workload, source(number), publishers);
                load.run(&mut engine, &commands, &say_opened, &done)
            });
            let waker = waker.recv().expect("the thread has a driver");
            (command, waker, thread)
        });
        Self { threads: threads.collect(), opened, done }
    }

    /// Opens as many more connections, and returns when all are open.
    pub(crate) fn open(&self, count: usize) -> Result<(), Box<dyn Error>> {
        let threads = self.threads.len();
        for (number, (command, waker, _)) in self.threads.iter().enumerate() {
            let share = count / threads + usize::from(number < count % threads);
            command.send(Command::Open(share)).map_err(|_| "a client has ended")?;
            waker.wake();
        }
        for _ in 0..threads {
            self.opened.recv_timeout(PATIENCE).map_err(|error| match error {
                RecvTimeoutError::Timeout => "the connections are not opened in time",
                RecvTimeoutError::Disconnected => "all clients have ended",
            })?;
        }
        Ok(())
    }

    /// Begins to send.
    pub(crate) fn go(&self) {
        for (command, waker, _) in &self.threads {
            // Where a client has ended, stopping says why.
            let _ = command.send(Command::Go);
            waker.wake();
        }
    }

    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(self) -> Result<(), Box<dyn Error>> {
        for (command, waker, thread) in self.threads {
            drop(command);
            waker.wake();
            thread.join().map_err(|_| "a client has panicked")??;
        }
        Ok(())
    }
}

/// An address of this process and thread, so that ports that others left behind do not run out.
fn source(thread: usize) -> IpAddr {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 | (thread as u8 & 63), high, low).into()
}

/// One connection.
struct Peer {
    /// What it sends, if it sends.
    message: Option<Frame>,
    /// The number in what it sends.
    number: u8,
    /// Bytes of the answer to the upgrade request; `None` when the WebSocket is open.
    head: Option<Vec<u8>>,
    /// Bytes of an unfinished frame.
    offset: usize,
    sending: bool,
    /// To be sent when what is being sent is sent.
    due: bool,
}

/// What one thread works on.
struct Load {
    address: SocketAddr,
    workload: Workload,
    source: IpAddr,
    /// Numbers of those in the room who send and have no connection yet.
    publishers: Vec<usize>,
    request: Frame,
    peers: HashMap<ConnectionKey, Peer>,
    /// Asked for and not begun.
    wanted: usize,
    /// Begun and not open.
    opening: usize,
    operations: Vec<Operation>,
    /// Messages that came back in this turn.
    done: u64,
}

impl Load {
    fn new(address: SocketAddr, workload: Workload, source: IpAddr, publishers: Vec<usize>) -> Self {
        let path = match workload {
            Workload::Echo | Workload::Idle => "echo",
            Workload::Room { .. } => "room",
        };
        let request = format!(
            "GET /{path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        Self {
            address,
            workload,
            source,
            publishers,
            request: Frame::new(request.into_bytes()),
            peers: HashMap::new(),
            wanted: 0,
            opening: 0,
            operations: Vec::new(),
            done: 0,
        }
    }

    /// Until there are no more commands.
    fn run(
        &mut self,
        engine: &mut impl Driver,
        commands: &Receiver<Command>,
        say_opened: &Sender<()>,
        done: &AtomicU64,
    ) -> io::Result<()> {
        let mut operations = Vec::new();
        let mut asked = false;
        loop {
            match commands.try_recv() {
                Ok(Command::Open(count)) => (self.wanted, asked) = (self.wanted + count, true),
                Ok(Command::Go) => self.go(),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return Ok(()),
            }
            self.open_more();
            if asked && self.wanted + self.opening == 0 {
                asked = false;
                // Nobody waits any more where another thread has failed.
                let _ = say_opened.send(());
            }
            operations.append(&mut self.operations);
            let mut failed = Ok(());
            engine.turn(&mut operations, None, &mut |completion| {
                if let Err(error) = self.handle(completion) {
                    failed = Err(error);
                }
            })?;
            failed?;
            done.fetch_add(std::mem::take(&mut self.done), Ordering::Relaxed);
        }
    }

    fn open_more(&mut self) {
        while self.wanted > 0 && self.opening < OPENING_MAX {
            let key = ConnectionKey { index: u32::try_from(self.peers.len()).expect("few"), generation: 0 };
            let number = match self.workload {
                Workload::Echo => Some(0),
                Workload::Room { .. } => self.publishers.pop(),
                Workload::Idle => None,
            };
            let message = number.map(|number| {
                let mut frame = Vec::new();
                put_masked_frame(&mut frame, OpCode::Binary, &[number as u8; MESSAGE_BYTES], MASK);
                Frame::new(frame)
            });
            let number = number.unwrap_or(0) as u8;
            let peer = Peer { message, number, head: Some(Vec::new()), offset: 0, sending: false, due: false };
            self.peers.insert(key, peer);
            self.operations.push(Operation::Connect {
                key,
                from: Some(self.source),
                to: self.address,
                ending: Ending::Orderly,
            });
            self.wanted -= 1;
            self.opening += 1;
        }
    }

    fn go(&mut self) {
        for (key, peer) in &mut self.peers {
            peer.send(*key, &mut self.operations);
        }
    }

    fn handle(&mut self, completion: Completion<'_>) -> io::Result<()> {
        match completion {
            Completion::Connected { key, result } => {
                result?;
                self.peers.get_mut(&key).expect("ours").sending = true;
                self.operations.push(Operation::Receive { key });
                self.operations.push(Operation::Send { key, frame: self.request.clone() });
            }
            Completion::Received { key, data } => self.receive(key, data),
            Completion::Sent { key, result, .. } => {
                result?;
                let peer = self.peers.get_mut(&key).expect("ours");
                peer.sending = false;
                if peer.due {
                    peer.send(key, &mut self.operations);
                }
            }
            Completion::Ended { error, .. } => return Err(error.unwrap_or(io::ErrorKind::UnexpectedEof.into())),
            Completion::Accepted { .. }
            | Completion::AcceptFailed { .. }
            | Completion::Released { .. }
            | Completion::Closed { .. } => unreachable!("nothing of this was asked for"),
        }
        Ok(())
    }

    fn receive(&mut self, key: ConnectionKey, data: &[u8]) {
        let peer = self.peers.get_mut(&key).expect("ours");
        if let Some(head) = &mut peer.head {
            head.extend_from_slice(data);
            if head.ends_with(b"\r\n\r\n") {
                assert!(head.starts_with(b"HTTP/1.1 101 "), "the server upgrades");
                peer.head = None;
                self.opening -= 1;
            }
            return;
        }
        let mut answered = false;
        // Frames begin where the offset is a multiple of their length; the message's first byte says whose it is.
        let first = (FRAME_BYTES - peer.offset) % FRAME_BYTES;
        for begin in (first..data.len()).step_by(FRAME_BYTES) {
            assert_eq!(data[begin], 0x82, "a frame begins here");
        }
        let first = (FRAME_BYTES + 2 - peer.offset) % FRAME_BYTES;
        for number in (first..data.len()).step_by(FRAME_BYTES) {
            answered |= data[number] == peer.number;
        }
        self.done += ((peer.offset + data.len()) / FRAME_BYTES) as u64;
        peer.offset = (peer.offset + data.len()) % FRAME_BYTES;
        if answered {
            peer.send(key, &mut self.operations);
        }
    }
}

impl Peer {
    fn send(&mut self, key: ConnectionKey, operations: &mut Vec<Operation>) {
        let Some(message) = &self.message else { return };
        self.due = self.sending;
        if !self.sending {
            self.sending = true;
            operations.push(Operation::Send { key, frame: message.clone() });
        }
    }
}
