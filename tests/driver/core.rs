//! One core under test: a driver, its operations, and what was seen of its completions.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Once;
use std::time::{Duration, Instant};

use selvedge::driver::listener::{self, Options};
use selvedge::driver::{
    Completion, ConnectionKey, Counters, Descriptors, Driver, Ending, Engine, Kind, Operation, Socket, Waker, open,
};
use selvedge_shards::Frame;

/// Long enough for any machine; reached only by a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A completion that can be kept.
#[derive(Debug)]
pub(crate) enum Seen {
    Accepted(Socket),
    AcceptFailed(io::Error),
    Connected(ConnectionKey, io::Result<()>),
    Received(ConnectionKey, Vec<u8>),
    Ended(ConnectionKey, Option<io::Error>),
    Sent(ConnectionKey, io::Result<()>),
    Released(ConnectionKey, Socket),
    Closed(ConnectionKey),
}

/// Which driver is tested, and where it holds its sockets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant {
    pub(crate) kind: Kind,
    pub(crate) descriptors: Descriptors,
}

pub(crate) struct Core {
    engine: Engine,
    address: Option<SocketAddr>,
    operations: Vec<Operation>,
    pub(crate) seen: Vec<Seen>,
    keys: Vec<ConnectionKey>,
    free: VecDeque<ConnectionKey>,
    /// What [`Core::echo`] has yet to send, by connection; `None` while nothing is in flight.
    echoes: BTreeMap<ConnectionKey, (Vec<u8>, bool)>,
}

impl Core {
    /// Without a listener.
    pub(crate) fn silent(variant: Variant) -> Self {
        Self::on(variant, None, None)
    }

    /// With a listener, accepting.
    pub(crate) fn listening(variant: Variant) -> Self {
        let mut core = Self::bound(variant);
        core.give(Operation::Accept);
        core
    }

    /// With a listener, not yet accepting.
    pub(crate) fn bound(variant: Variant) -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = listener::claim(any, 1, &Options::default()).expect("a free port").remove(0);
        let address = listener.local_addr().expect("bound");
        Self::on(variant, Some(listener), Some(address))
    }

    fn on(variant: Variant, listener: Option<TcpListener>, address: Option<SocketAddr>) -> Self {
        static RAISED: Once = Once::new();
        RAISED.call_once(raise_open_files);
        let Variant { kind, descriptors } = variant;
        let engine = open(kind, descriptors, listener).expect("this machine has every driver").engine;
        let (operations, seen, keys, free) = (Vec::new(), Vec::new(), Vec::new(), VecDeque::new());
        Self { engine, address, operations, seen, keys, free, echoes: BTreeMap::new() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address.expect("it listens")
    }

    pub(crate) fn waker(&self) -> Waker {
        self.engine.waker()
    }

    pub(crate) fn connect_to(&mut self, wakers: Vec<Waker>) {
        self.engine.connect(wakers);
    }

    pub(crate) fn connections(&self) -> usize {
        self.engine.connections()
    }

    pub(crate) fn counters(&self) -> Counters {
        self.engine.counters()
    }

    pub(crate) fn keys(&self) -> &[ConnectionKey] {
        &self.keys
    }

    pub(crate) fn give(&mut self, operation: Operation) {
        self.operations.push(operation);
    }

    pub(crate) fn turn(&mut self, timeout: Option<Duration>) {
        let seen = &mut self.seen;
        let mut visit = |completion: Completion<'_>| {
            seen.push(match completion {
                Completion::Accepted { socket } => Seen::Accepted(socket),
                Completion::AcceptFailed { error } => Seen::AcceptFailed(error),
                Completion::Connected { key, result } => Seen::Connected(key, result),
                Completion::Received { key, data } => {
                    assert!(!data.is_empty());
                    Seen::Received(key, data.to_vec())
                }
                Completion::Ended { key, error } => Seen::Ended(key, error),
                Completion::Sent { key, result, .. } => Seen::Sent(key, result),
                Completion::Released { key, socket } => Seen::Released(key, socket),
                Completion::Closed { key } => Seen::Closed(key),
            });
        };
        self.engine.turn(&mut self.operations, timeout, &mut visit).expect("the engine works");
        assert!(self.operations.is_empty(), "a turn starts all operations");
        for seen in &self.seen {
            if let Seen::Closed(key) | Seen::Released(key, _) | Seen::Connected(key, Err(_)) = seen
                && let Some(at) = self.keys.iter().position(|used| used == key)
            {
                // The place has a new owner next time.
                self.keys.swap_remove(at);
                self.free.push_back(ConnectionKey { generation: (key.generation + 1) % (1 << 24), ..*key });
            }
        }
    }

    /// A turn in which nothing but new connections is of interest.
    pub(crate) fn turn_accepting(&mut self, mut visit: impl FnMut(Socket)) {
        let mut visit = |completion: Completion<'_>| match completion {
            Completion::Accepted { socket } => visit(socket),
            other => panic!("{other:?}"),
        };
        let timeout = Some(Duration::from_millis(20));
        self.engine.turn(&mut self.operations, timeout, &mut visit).expect("the engine works");
    }

    /// Turns until there is what the test waits for.
    pub(crate) fn until<T>(&mut self, what: &str, mut ready: impl FnMut(&mut Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(ready) = ready(self) {
                return ready;
            }
            assert!(Instant::now() < deadline, "waited in vain: {what}; seen {} things", self.seen.len());
            // Bounded, because some of what is waited for is no completion.
            self.turn(Some(Duration::from_millis(20)));
        }
    }

    pub(crate) fn take(&mut self, which: impl Fn(&Seen) -> bool) -> Option<Seen> {
        let at = self.seen.iter().position(which)?;
        Some(self.seen.remove(at))
    }

    pub(crate) fn nothing_seen(&self) -> bool {
        self.seen.is_empty()
    }

    fn take_key(&mut self) -> ConnectionKey {
        let index = u32::try_from(self.keys.len() + self.free.len()).expect("few");
        let key = self.free.pop_front().unwrap_or(ConnectionKey { index, generation: 0 });
        self.keys.push(key);
        key
    }

    pub(crate) fn adopt(&mut self, socket: Socket) -> ConnectionKey {
        let key = self.take_key();
        self.give(Operation::Adopt { key, socket });
        key
    }

    /// Begins to connect.
    pub(crate) fn connect_out(&mut self, from: Option<IpAddr>, to: SocketAddr) -> ConnectionKey {
        self.connect_out_ending(from, to, Ending::Orderly)
    }

    pub(crate) fn connect_out_ending(&mut self, from: Option<IpAddr>, to: SocketAddr, ending: Ending) -> ConnectionKey {
        let key = self.take_key();
        self.give(Operation::Connect { key, from, to, ending });
        key
    }

    pub(crate) fn expect_connected(&mut self, key: ConnectionKey) -> io::Result<()> {
        let connected = |core: &mut Self| core.take(|seen| matches!(seen, Seen::Connected(of, _) if *of == key));
        match self.until("a connect has ended", connected) {
            Seen::Connected(_, result) => result,
            other => unreachable!("just matched: {other:?}"),
        }
    }

    /// Both ends of one connection: that which connected, and that which was accepted.
    pub(crate) fn pair(&mut self, from: Option<IpAddr>) -> (ConnectionKey, ConnectionKey) {
        self.pair_ending(from, Ending::Orderly)
    }

    pub(crate) fn pair_ending(&mut self, from: Option<IpAddr>, ending: Ending) -> (ConnectionKey, ConnectionKey) {
        let out = self.connect_out_ending(from, self.address(), ending);
        self.expect_connected(out).expect("somebody listens");
        let accepted = self.until("it is accepted", |core| core.take(|seen| matches!(seen, Seen::Accepted(_))));
        let Seen::Accepted(socket) = accepted else { unreachable!("just matched") };
        (out, self.adopt(socket))
    }

    /// A client and its adopted connection.
    pub(crate) fn connect(&mut self) -> (TcpStream, ConnectionKey) {
        let client = TcpStream::connect(self.address()).expect("listening");
        let accepted = self.until("a client is accepted", |core| core.take(|seen| matches!(seen, Seen::Accepted(_))));
        let Seen::Accepted(socket) = accepted else { unreachable!("just matched") };
        let key = self.adopt(socket);
        self.turn(Some(Duration::ZERO));
        (client, key)
    }

    pub(crate) fn take_received(&mut self, key: ConnectionKey) -> Option<Vec<u8>> {
        match self.take(|seen| matches!(seen, Seen::Received(from, _) if *from == key))? {
            Seen::Received(_, data) => Some(data),
            other => unreachable!("just matched: {other:?}"),
        }
    }

    /// The next `length` bytes, in however many pieces.
    pub(crate) fn receive(&mut self, key: ConnectionKey, length: usize) -> Vec<u8> {
        let mut all = Vec::new();
        self.until("data", |core| {
            while let Some(data) = core.take_received(key) {
                all.extend(data);
            }
            (all.len() >= length).then_some(())
        });
        assert_eq!(all.len(), length, "more than was sent");
        all
    }

    pub(crate) fn send(&mut self, key: ConnectionKey, bytes: Vec<u8>) {
        self.give(Operation::Send { key, frame: Frame::new(bytes) });
        self.expect_sent(key).expect("an open connection with room");
    }

    pub(crate) fn has_sent(&self, key: ConnectionKey) -> bool {
        self.seen.iter().any(|seen| matches!(seen, Seen::Sent(of, _) if *of == key))
    }

    pub(crate) fn expect_sent(&mut self, key: ConnectionKey) -> io::Result<()> {
        let sent = |core: &mut Self| core.take(|seen| matches!(seen, Seen::Sent(of, _) if *of == key));
        match self.until("a send has ended", sent) {
            Seen::Sent(_, result) => result,
            other => unreachable!("just matched: {other:?}"),
        }
    }

    pub(crate) fn expect_end(&mut self, key: ConnectionKey) -> Option<io::Error> {
        let ended = |core: &mut Self| core.take(|seen| matches!(seen, Seen::Ended(of, _) if *of == key));
        match self.until("the connection has ended", ended) {
            Seen::Ended(_, error) => error,
            other => unreachable!("just matched: {other:?}"),
        }
    }

    pub(crate) fn expect_closed(&mut self, key: ConnectionKey) {
        self.until("it is closed", |core| core.take(|seen| matches!(seen, Seen::Closed(of) if *of == key)));
    }

    pub(crate) fn close(&mut self, key: ConnectionKey) {
        self.give(Operation::Close { key });
        self.expect_closed(key);
    }

    /// A byte there and back on a receiving connection.
    pub(crate) fn round_trip(&mut self, client: &mut TcpStream, key: ConnectionKey) {
        client.write_all(b"?").expect("an open connection");
        assert_eq!(self.receive(key, 1), b"?");
        self.send(key, b"!".to_vec());
        let mut answer = [0];
        client.read_exact(&mut answer).expect("an open connection");
        assert_eq!(&answer, b"!");
    }

    /// Serves whoever comes: sends back what was received, closes what ended. Says how many were closed.
    pub(crate) fn echo(&mut self) -> usize {
        let mut closed = 0;
        for seen in std::mem::take(&mut self.seen) {
            match seen {
                Seen::Accepted(socket) => {
                    let key = self.adopt(socket);
                    self.echoes.insert(key, (Vec::new(), false));
                    self.give(Operation::Receive { key });
                }
                Seen::Received(key, data) => {
                    self.echoes.get_mut(&key).expect("accepted").0.extend(data);
                    self.echo_more(key);
                }
                Seen::Sent(key, result) => {
                    result.expect("the client waits for it");
                    self.echoes.get_mut(&key).expect("accepted").1 = false;
                    self.echo_more(key);
                }
                Seen::Ended(key, error) => {
                    assert!(error.is_none(), "{error:?}");
                    self.give(Operation::Close { key });
                }
                Seen::Closed(key) => {
                    self.echoes.remove(&key);
                    closed += 1;
                }
                Seen::AcceptFailed(_) | Seen::Connected(..) | Seen::Released(..) => panic!("{seen:?}"),
            }
        }
        closed
    }

    fn echo_more(&mut self, key: ConnectionKey) {
        let (pending, sending) = self.echoes.get_mut(&key).expect("accepted");
        if !*sending && !pending.is_empty() {
            *sending = true;
            let frame = Frame::new(std::mem::take(pending));
            self.operations.push(Operation::Send { key, frame });
        }
    }
}

/// Both ends of thousands of connections are here, and many a machine grants 1,024 descriptors to who does not ask for more, as the server does.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const WANTED: u64 = 20_000;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = maximum.map_or(WANTED, |maximum| maximum.min(WANTED));
    if current.is_some_and(|current| current < raised) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum })
            .expect("up to the maximum all is allowed");
    }
}

/// Bytes that look random, the same for the same seed.
pub(crate) fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

const CHILD: &str = "SELVEDGE_TEST_CHILD";

/// Runs `body` in a process of its own, because it counts or limits what all threads share. `name` is that of the calling test,
/// and something that tells its callers apart.
pub(crate) fn in_child(name: &str, body: impl FnOnce()) {
    if std::env::var_os(CHILD).is_some_and(|child| child == *name) {
        return body();
    }
    let test = std::thread::current().name().expect("tests have names").to_owned();
    let output = Command::new(std::env::current_exe().expect("this is Linux"))
        .args(["--exact", &test, "--nocapture"])
        .env(CHILD, name)
        .output()
        .expect("a test can be run again");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "in the child:\n{stdout}\n{stderr}");
    assert!(stdout.contains("1 passed"), "the child ran nothing:\n{stdout}");
}
