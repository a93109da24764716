//! Sessions against the client side of the same library, in memory.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::SystemTime;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};

use super::*;
use crate::tls::{Acceptor, Files, Identity, MinVersion};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// An acceptor, and the certificate that its clients trust.
fn acceptor(min_version: MinVersion) -> (Acceptor, CertificateDer<'static>) {
    let key = KeyPair::generate().expect("a key");
    let certificate =
        CertificateParams::new(["localhost".to_owned()]).expect("a name").self_signed(&key).expect("a certificate");
    let folder = std::env::temp_dir().join(format!("selvedge-tls-{}-{:p}", std::process::id(), &raw const key));
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    let files = Files { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.certificate, certificate.pem()).expect("a file");
    std::fs::write(&files.key, key.serialize_pem()).expect("a file");
    let identity = Identity::load(&files, SystemTime::now()).expect("a pair");
    std::fs::remove_dir_all(&folder).expect("it was made here");
    (Acceptor::new(&identity, min_version).expect("randomness"), certificate.der().clone())
}

fn client_config(trusted: &CertificateDer<'static>, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a certificate");
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .expect("versions that the library has")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn client(config: &Arc<ClientConfig>) -> ClientConnection {
    ClientConnection::new(Arc::clone(config), ServerName::try_from("localhost").expect("a name")).expect("a client")
}

/// Both ends, and what the server has heard.
struct Pair {
    client: ClientConnection,
    server: Session,
    heard: Vec<u8>,
    /// What the client has heard.
    answered: Vec<u8>,
    closed: bool,
    /// Bytes of one receive of the server's.
    cut: usize,
}

impl Pair {
    fn new(version: &'static SupportedProtocolVersion) -> Self {
        let (acceptor, trusted) = acceptor(MinVersion::Tls12);
        Self::of(client(&Arc::new(client_config(&trusted, &[version]))), acceptor.accept())
    }

    fn of(client: ClientConnection, server: Session) -> Self {
        Self {
            client,
            server,
            heard: Vec::new(),
            answered: Vec::new(),
            closed: false,
            cut: crate::driver::RECEIVE_BYTES_MAX,
        }
    }

    /// What the client has to send, as it is.
    fn take_from_client(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut bytes).expect("a vector takes everything");
        }
        bytes
    }

    fn give_to_server(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        for piece in bytes.chunks(self.cut) {
            let received = self.server.receive(&mut piece.to_vec(), &mut self.heard)?;
            self.closed |= received.closed;
        }
        Ok(())
    }

    /// Moves everything that the server sends, and says how many bytes that was and the most that was in flight.
    fn take_from_server(&mut self) -> (usize, usize) {
        let (mut bytes, mut most) = (0, 0);
        while let Some(records) = self.server.poll().expect("keys last longer than a test") {
            bytes += records.len();
            most = most.max(records.len());
            let mut records = records.as_ref();
            while !records.is_empty() {
                self.client.read_tls(&mut records).expect("a slice can be read");
                self.client.process_new_packets().expect("the server keeps to the protocol");
                // It ends with "would block" where the server has not closed.
                let _ = self.client.reader().read_to_end(&mut self.answered);
            }
            self.server.sent();
        }
        (bytes, most)
    }

    /// Until neither has anything to send.
    fn settle(&mut self) {
        loop {
            let bytes = self.take_from_client();
            self.give_to_server(&bytes).expect("the client keeps to the protocol");
            let (sent, _) = self.take_from_server();
            if bytes.is_empty() && sent == 0 {
                return;
            }
        }
    }

    fn open(version: &'static SupportedProtocolVersion) -> Self {
        let mut pair = Self::new(version);
        pair.settle();
        assert!(!pair.client.is_handshaking() && !pair.server.is_handshaking());
        pair
    }

    fn say(&mut self, bytes: &[u8]) {
        self.client.writer().write_all(bytes).expect("a client without a limit");
    }

    fn client_heard(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.answered)
    }
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place * 31 % 251) as u8).collect()
}

#[test]
fn every_cut_of_what_arrives_gives_the_same() {
    for version in VERSIONS {
        for cut in (1..40).chain([97, 255, 256, 1_000, 4_096]) {
            let mut pair = Pair::new(version);
            pair.cut = cut;
            pair.settle();
            let said = pattern(40_000);
            pair.say(&said);
            pair.settle();
            assert_eq!(pair.heard, said, "{version:?} in pieces of {cut}");
            assert_eq!(pair.server.unfinished_bytes(), 0, "what is whole is not kept");
        }
    }
}

#[test]
fn what_is_not_whole_is_kept_and_bounded_by_a_record() {
    for version in VERSIONS {
        let mut pair = Pair::open(version);
        let said = pattern(16 << 10);
        pair.say(&said);
        let bytes = pair.take_from_client();
        pair.give_to_server(&bytes[..bytes.len() - 1]).expect("a part of a record");
        assert!(pair.heard.is_empty());
        assert!((bytes.len() - 1..=2 * UNFINISHED_BYTES_MAX).contains(&pair.server.unfinished_bytes()));
        // Sending goes on meanwhile.
        pair.server.send(Frame::new(b"meanwhile".to_vec()));
        pair.take_from_server();
        assert_eq!(pair.client_heard(), b"meanwhile");
        pair.give_to_server(&bytes[bytes.len() - 1..]).expect("the rest");
        assert_eq!(pair.heard, said);
        assert_eq!(pair.server.unfinished_bytes(), 0);
    }
}

#[test]
fn large_frames_leave_in_bounded_pieces_and_in_order() {
    for version in VERSIONS {
        let mut pair = Pair::open(version);
        let large = pattern(1_000_003);
        let frame = Frame::new(large.clone());
        pair.server.send(frame.clone());
        assert!(!pair.server.takes_frame());
        let (_, most) = pair.take_from_server();
        assert!(pair.server.takes_frame() && pair.server.is_flushed());
        assert!(most <= SEND_PIECE_BYTES + 4 * RECORD_OVERHEAD_BYTES, "{most} bytes were in flight");
        assert_eq!(frame.as_ref(), large, "a frame is shared, and never changed");
        pair.server.send(Frame::new(b"behind".to_vec()));
        pair.server.close();
        pair.take_from_server();
        let heard = pair.client_heard();
        assert_eq!(heard.len(), large.len() + 6);
        assert!(heard.starts_with(&large) && heard.ends_with(b"behind"));
        assert!(!pair.server.takes_frame(), "nothing is said behind the end");
        assert_eq!(pair.client.reader().read(&mut [0]).expect("an end that was said"), 0);
    }
}

#[test]
fn a_frame_is_sent_when_its_last_piece_is() {
    let mut pair = Pair::open(&TLS13);
    pair.server.send(Frame::new(pattern(SEND_PIECE_BYTES + 1)));
    assert!(pair.server.poll().expect("a key").is_some());
    assert!(pair.server.poll().expect("a key").is_none(), "one at a time");
    assert!(!pair.server.sent(), "a piece is not the frame");
    assert!(pair.server.poll().expect("a key").is_some());
    assert!(pair.server.sent());
}

#[test]
fn the_end_of_the_peer_is_seen_and_what_comes_behind_it_is_not() {
    for version in VERSIONS {
        let mut pair = Pair::open(version);
        pair.say(b"last words");
        pair.client.send_close_notify();
        let mut bytes = pair.take_from_client();
        bytes.extend([0x17, 3, 3, 0, 100]);
        pair.give_to_server(&bytes).expect("an end");
        assert!(pair.closed);
        assert_eq!(pair.heard, b"last words");
        pair.give_to_server(&[b'x'; 100_000]).expect("nothing counts any more");
        assert_eq!((pair.heard.len(), pair.server.unfinished_bytes()), (10, 0));
        pair.server.close();
        pair.take_from_server();
        assert_eq!(pair.client.reader().read(&mut [0]).expect("an end that was said"), 0);
    }
}

/// Gives these bytes to a new session, and says why it failed and what it sends last.
fn break_with(bytes: &[u8]) -> (Failure, Vec<u8>) {
    let (acceptor, _) = acceptor(MinVersion::Tls12);
    let mut server = acceptor.accept();
    let mut plaintext = Vec::new();
    let pieces = bytes.chunks(crate::driver::RECEIVE_BYTES_MAX);
    let failure = pieces.map(|piece| server.receive(&mut piece.to_vec(), &mut plaintext)).find_map(Result::err);
    let alert = server.poll().expect("no key is worn out").map(|records| records.as_ref().to_vec());
    assert!(plaintext.is_empty() && !server.takes_frame());
    assert_eq!(server.unfinished_bytes(), 0, "a broken session holds nothing");
    server.receive(&mut [0x16, 3, 1], &mut plaintext).expect("it is not broken twice");
    (failure.expect("this is no TLS"), alert.unwrap_or_default())
}

#[test]
fn what_is_no_tls_gets_an_alert_and_http_is_recognised() {
    for bytes in [
        b"\0".repeat(64),
        b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10".to_vec(),
        b"\x16\x03\x01\xff\xff".to_vec(),
        b"\x16\x03\x01\x00\x00".to_vec(),
        b"\x17\x03\x03\x00\x01x".to_vec(),
        b"\x16\x03\x01\x00\x04\x01\xff\xff\xff".to_vec(),
    ] {
        let (failure, alert) = break_with(&bytes);
        assert!(matches!(failure, Failure::Tls(_)), "{bytes:02x?}: {failure}");
        // A fatal alert in the clear.
        assert!(alert.starts_with(&[0x15, 3]) && alert[5] == 2, "{bytes:02x?}: {alert:02x?}");
    }
    for request in ["GET / HTTP/1.1\r\n\r\n", "P", "OPTIONS * HTTP/1.1\r\n"] {
        let (failure, alert) = break_with(request.as_bytes());
        assert!(matches!(failure, Failure::PlainHttp) && alert.is_empty(), "{request}");
    }
}

#[test]
fn a_handshake_that_never_ends_is_cut_at_its_bound() {
    // A ClientHello of 60,000 bytes, in records of one byte each.
    let hello = [vec![1, 0, 0xea, 0x60], vec![0; 60_000]].concat();
    let records: Vec<u8> = hello.iter().flat_map(|byte| [0x16, 3, 1, 0, 1, *byte]).collect();
    let (failure, _) = break_with(&records);
    assert!(matches!(failure, Failure::Oversized | Failure::Tls(_)), "{failure}");
}

#[test]
fn every_byte_of_a_handshake_may_be_wrong() {
    for version in VERSIONS {
        let mut pair = Pair::new(version);
        let hello = pair.take_from_client();
        let (acceptor, _) = acceptor(MinVersion::Tls12);
        for place in 0..hello.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut bytes = hello.clone();
                bytes[place] ^= change;
                let mut server = acceptor.accept();
                // Some changes do no harm; none may do more than break the session.
                let outcome = server.receive(&mut bytes, &mut Vec::new());
                assert_eq!(outcome.is_err(), server.ending == Ending::Failed);
                assert!(server.unfinished_bytes() <= UNFINISHED_BYTES_MAX);
            }
        }
    }
}

#[test]
fn a_changed_record_breaks_an_open_session() {
    for version in VERSIONS {
        let mut pair = Pair::open(version);
        pair.say(b"before");
        let first = pair.take_from_client();
        pair.say(b"changed");
        let mut second = pair.take_from_client();
        *second.last_mut().expect("a record") ^= 1;
        let failure = pair.give_to_server(&[first, second].concat()).expect_err("it was changed");
        assert!(matches!(failure, Failure::Tls(rustls::Error::DecryptError)), "{failure}");
        assert_eq!(pair.heard, b"before");
        let alert = pair.server.poll().expect("a key").expect("an alert");
        pair.client.read_tls(&mut alert.as_ref()).expect("a slice can be read");
        let told = pair.client.process_new_packets().expect_err("the client is told");
        assert_eq!(told, rustls::Error::AlertReceived(AlertDescription::BadRecordMac));
    }
}

#[test]
fn a_client_that_shares_nothing_is_told_so() {
    let (acceptor, trusted) = acceptor(MinVersion::Tls13);
    let mut http2 = client_config(&trusted, &[&TLS13]);
    http2.alpn_protocols = vec![b"h2".to_vec()];
    for (config, alert) in [
        (client_config(&trusted, &[&TLS12]), AlertDescription::ProtocolVersion),
        (http2, AlertDescription::NoApplicationProtocol),
    ] {
        let mut pair = Pair::of(client(&Arc::new(config)), acceptor.accept());
        let hello = pair.take_from_client();
        pair.give_to_server(&hello).expect_err("they share nothing");
        let records = pair.server.poll().expect("a key").expect("an alert");
        pair.client.read_tls(&mut records.as_ref()).expect("a slice can be read");
        assert_eq!(pair.client.process_new_packets(), Err(rustls::Error::AlertReceived(alert)));
    }
}

#[test]
fn keys_are_renewed_and_a_flood_of_it_is_cut() {
    let mut pair = Pair::open(&TLS13);
    for round in 0..10 {
        pair.client.refresh_traffic_keys().expect("TLS 1.3 can");
        pair.say(&[round]);
        pair.server.send(Frame::new(vec![round]));
        pair.settle();
        assert_eq!(pair.client_heard(), [round]);
    }
    assert_eq!(pair.heard, pattern_of_rounds(10));
    let mut flood = Vec::new();
    for _ in 0..200 {
        pair.client.refresh_traffic_keys().expect("TLS 1.3 can");
        flood.extend(pair.take_from_client());
    }
    let failure = pair.give_to_server(&flood).expect_err("nobody needs so many keys");
    assert!(matches!(failure, Failure::Tls(rustls::Error::PeerMisbehaved(_))), "{failure}");
    assert!(pair.server.output.len() < 8 << 10, "the answers are bounded: {}", pair.server.output.len());
}

fn pattern_of_rounds(rounds: u8) -> Vec<u8> {
    (0..rounds).collect()
}

#[test]
fn sessions_are_resumed_on_another_acceptance_and_after_another_certificate() {
    for version in VERSIONS {
        let (acceptor, trusted) = acceptor(MinVersion::Tls12);
        let config = Arc::new(client_config(&trusted, &[version]));
        for (round, resumed) in [(0, false), (1, true), (2, true)] {
            let mut pair = Pair::of(client(&config), acceptor.accept());
            pair.settle();
            assert_eq!(pair.server.is_resumed(), resumed, "{version:?}, round {round}");
            pair.say(b"x");
            pair.settle();
            assert_eq!(pair.heard, b"x");
        }
    }
}

#[test]
fn a_handshake_that_was_put_off_goes_on_where_it_stood() {
    for version in VERSIONS {
        let mut pair = Pair::new(version);
        let hello = pair.take_from_client();
        pair.server.put_off(&hello);
        let received = pair.server.receive(&mut [], &mut pair.heard).expect("a ClientHello");
        assert!(received.computed && !received.completed);
        pair.settle();
        assert!(!pair.server.is_handshaking());
    }
}

#[test]
fn a_session_is_small() {
    // What it points to is measured with the whole server: `cargo test --bench tls`.
    assert!(size_of::<Session>() <= 1_536, "{}", size_of::<Session>());
}
