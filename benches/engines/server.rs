//! A WebSocket server on one core with two paths, of which `/echo` sends back and `/room` sends to all who are there. Every message is a
//! send of its own: nothing is gathered, so that engines are compared and not ways to gather.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use selvedge::driver::listener::{Options, claim};
use selvedge::driver::{Completion, ConnectionKey, Descriptors, Driver, Kind, Operation, Socket, open};
use selvedge_protocol::http::{self, RequestKind, parse_request, write_upgrade};
use selvedge_protocol::websocket::{Event, Limits, OpCode, Reader, Role, put_frame};
use selvedge_shards::Frame;

const HEAD_LIMITS: http::Limits = http::Limits { head_bytes_max: 4096 };
const LIMITS: Limits = Limits { message_bytes_max: 64 << 10, fragments_max: 1 };
/// Frames that wait for one connection before it is closed. The clients wait for answers, so that none comes near.
const WAITING_MAX: usize = 10_000;

/// Serves until standard input ends. Says its address and the engine's name on standard output first.
pub(crate) fn serve(kind: Kind) -> io::Result<()> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = claim(any, 1, &Options::default()).map_err(io::Error::other)?.remove(0);
    let address = listener.local_addr()?;
    let mut engine = open(kind, Descriptors::Process, Some(listener))?.engine;
    println!("{address} {engine}");
    io::stdout().flush()?;
    let (waker, over) = (engine.waker(), Arc::new(AtomicBool::new(false)));
    let say_over = Arc::clone(&over);
    std::thread::spawn(move || {
        // However it ends, nobody needs this server any more.
        let _ = io::stdin().read(&mut [0]);
        say_over.store(true, Ordering::Release);
        waker.wake();
    });
    let mut service = Service::default();
    let mut operations = vec![Operation::Accept];
    while !over.load(Ordering::Acquire) {
        engine.turn(&mut operations, None, &mut |completion| service.handle(completion))?;
        operations.append(&mut service.operations);
    }
    Ok(())
}

/// One connection.
struct Peer {
    generation: u32,
    /// Before the WebSocket is open: the request so far.
    head: Option<Vec<u8>>,
    reader: Reader,
    in_room: bool,
    sending: bool,
    /// The driver was told to close it, and must not hear its key again.
    closing: bool,
    waiting: VecDeque<Frame>,
}

// Part of what an idle connection costs here, for all engines the same.
const _: () = assert!(size_of::<Option<Peer>>() <= 80);

/// All connections.
#[derive(Default)]
struct Service {
    peers: Vec<Option<Peer>>,
    free: Vec<ConnectionKey>,
    room: Vec<ConnectionKey>,
    /// For the next turn.
    operations: Vec<Operation>,
    /// What one receive brought, to be sent.
    heard: Vec<Frame>,
}

impl Service {
    fn handle(&mut self, completion: Completion<'_>) {
        match completion {
            Completion::Accepted { socket } => self.accept(socket),
            Completion::Received { key, data } => self.receive(key, data),
            Completion::Sent { key, .. } => self.send_next(key),
            Completion::Ended { key, .. } => self.close(key),
            Completion::Closed { key } => {
                self.room.retain(|there| *there != key);
                self.peers[key.index as usize] = None;
                self.free.push(ConnectionKey { generation: key.generation + 1, ..key });
            }
            Completion::AcceptFailed { error } => panic!("{error}"),
            Completion::Connected { .. } | Completion::Released { .. } => {}
        }
    }

    fn accept(&mut self, socket: Socket) {
        let key = self.free.pop().unwrap_or_else(|| {
            self.peers.push(None);
            ConnectionKey { index: u32::try_from(self.peers.len() - 1).expect("few"), generation: 0 }
        });
        self.peers[key.index as usize] = Some(Peer {
            generation: key.generation,
            head: Some(Vec::new()),
            reader: Reader::new(Role::Server),
            in_room: false,
            sending: false,
            closing: false,
            waiting: VecDeque::new(),
        });
        self.operations.extend([Operation::Adopt { key, socket }, Operation::Receive { key }]);
    }

    fn receive(&mut self, key: ConnectionKey, data: &mut [u8]) {
        let Some(peer) = find(&mut self.peers, key) else { return };
        if peer.head.is_some() {
            return self.receive_head(key, data);
        }
        let in_room = peer.in_room;
        let mut consumed = 0;
        while let Some(event) = peer.reader.next(data, &mut consumed, &LIMITS).expect("our client keeps to the rules") {
            if let Event::Message { payload, .. } = event {
                let mut frame = Vec::with_capacity(payload.len() + 4);
                put_frame(&mut frame, OpCode::Binary, payload);
                self.heard.push(Frame::new(frame));
            }
        }
        while let Some(frame) = self.heard.pop() {
            if in_room {
                for index in 0..self.room.len() {
                    self.send(self.room[index], frame.clone());
                }
            } else {
                self.send(key, frame);
            }
        }
    }

    fn receive_head(&mut self, key: ConnectionKey, data: &[u8]) {
        let Some(peer) = find(&mut self.peers, key) else { return };
        let head = peer.head.as_mut().expect("the caller has looked");
        head.extend_from_slice(data);
        let Some((request, _)) = parse_request(head, &HEAD_LIMITS).expect("our client keeps to the rules") else {
            return;
        };
        let RequestKind::Upgrade { key: upgrade } = request.kind else { panic!("our client upgrades") };
        let mut answer = Vec::new();
        write_upgrade(&mut answer, &upgrade, None, None);
        peer.in_room = request.path_segments().next() == Some("room");
        peer.head = None;
        if peer.in_room {
            self.room.push(key);
        }
        self.send(key, Frame::new(answer));
    }

    fn send(&mut self, key: ConnectionKey, frame: Frame) {
        let Some(peer) = find(&mut self.peers, key) else { return };
        if peer.sending {
            peer.waiting.push_back(frame);
            if peer.waiting.len() > WAITING_MAX {
                self.close(key);
            }
        } else {
            peer.sending = true;
            self.operations.push(Operation::Send { key, frame });
        }
    }

    fn close(&mut self, key: ConnectionKey) {
        if let Some(peer) = find(&mut self.peers, key) {
            peer.closing = true;
            self.operations.push(Operation::Close { key });
        }
    }

    fn send_next(&mut self, key: ConnectionKey) {
        let Some(peer) = find(&mut self.peers, key) else { return };
        match peer.waiting.pop_front() {
            Some(frame) => self.operations.push(Operation::Send { key, frame }),
            None => peer.sending = false,
        }
    }
}

/// The connection that the key names, unless it is on its way out.
fn find(peers: &mut [Option<Peer>], key: ConnectionKey) -> Option<&mut Peer> {
    peers.get_mut(key.index as usize)?.as_mut().filter(|peer| peer.generation == key.generation && !peer.closing)
}
