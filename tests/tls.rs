//! The built binary inside TLS, over loopback, with each driver: what clients of the same library and of another see.

#[path = "server/client.rs"]
#[allow(dead_code, reason = "shared with the tests without TLS")]
mod client;
#[path = "tls/identity.rs"]
mod identity;
#[path = "tls/openssl.rs"]
mod openssl;
#[path = "server/process.rs"]
#[allow(dead_code, reason = "shared with the tests without TLS")]
mod process;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use client::{Client, frame, http, socket, upgrade_request};
use identity::{Files, Identity};
use process::{Folder, Server, fails};
use rustix::process::Signal;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConfig, ClientConnection, HandshakeKind, StreamOwned, SupportedProtocolVersion};

/// With the flags that go with them.
const DRIVERS: [&str; 3] = ["uring", "uring --descriptors direct", "monoio"];

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// `h` written at the start of the text `t` by client 7, as Yjs writes it, in the message that carries it.
const UPDATE_MESSAGE: &[u8] = b"\x00\x02\x0b\x01\x01\x07\x00\x04\x01\x01t\x01h\x00";

/// A SyncStep1 of a client that has nothing.
const SYNC_STEP_1: &[u8] = &[0, 0, 1, 0];

/// That client 9 is there.
const PRESENT: &[u8] = b"\x01\x06\x01\x09\x01\x02{}";

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A server with a certificate, in a folder of its own.
struct Host {
    server: Server,
    identity: Identity,
    files: Files,
    _folder: Folder,
}

impl Host {
    fn start(driver: &str, flags: &[&str]) -> Self {
        Self::with(Identity::new(), driver, flags)
    }

    fn with(identity: Identity, driver: &str, flags: &[&str]) -> Self {
        let folder = Folder::new();
        let files = Files::new(folder.path());
        identity.write(&files);
        let server = Server::start(driver, &folder, &[&files.flags(), flags].concat());
        Self { server, identity, files, _folder: folder }
    }

    fn address(&self) -> SocketAddr {
        self.server.address
    }

    fn client(&self, version: &'static SupportedProtocolVersion) -> Client<Tls> {
        Client::over(connect(self.address(), &self.identity.client(&[version])))
    }

    fn upgrade(&self, version: &'static SupportedProtocolVersion, path: &str) -> Client<Tls> {
        let mut client = self.client(version);
        client.send_raw(&upgrade_request(path));
        client.expect_upgrade();
        client
    }
}

fn session(config: &Arc<ClientConfig>) -> ClientConnection {
    ClientConnection::new(Arc::clone(config), ServerName::try_from("localhost").expect("a name")).expect("a client")
}

fn connect(address: SocketAddr, config: &Arc<ClientConfig>) -> Tls {
    StreamOwned::new(session(config), socket(address))
}

/// Completes the handshake, or says why it fails.
fn handshake(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<Tls, rustls::Error> {
    let mut tls = connect(address, config);
    while tls.conn.is_handshaking() {
        if let Err(error) = tls.conn.complete_io(&mut tls.sock) {
            return Err(error.downcast().expect("the socket is well"));
        }
    }
    Ok(tls)
}

fn with_each_driver(test: impl Fn(&str)) {
    for driver in DRIVERS {
        println!("driver {driver}");
        test(driver);
    }
}

/// All that comes before the end, be it one that was said or not.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => bytes,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => bytes,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn clients_of_both_versions_meet_on_documents_of_all_cores() {
    with_each_driver(|driver| {
        let host = Host::start(driver, &["--shards", "5"]);
        for document in 0..20 {
            let path = format!("/yjs/document-{document}");
            let mut reader = host.upgrade(&TLS12, &path);
            let mut writer = host.upgrade(&TLS13, &path);
            assert_eq!(writer.message(), SYNC_STEP_1, "the server asks first");
            writer.send_binary(UPDATE_MESSAGE);
            reader.wait_for(|message| message == UPDATE_MESSAGE);
            writer.wait_for(|message| message == UPDATE_MESSAGE);
        }
    });
}

#[test]
fn what_is_said_with_the_end_of_the_handshake_moves_with_the_socket() {
    with_each_driver(|driver| {
        let host = Host::start(driver, &["--shards", "5"]);
        for (document, version) in (0..20).map(|document| (document, VERSIONS[document % 2])) {
            let mut tls = connect(host.address(), &host.identity.client(&[version]));
            // Both wait in the client until the handshake allows them.
            let mut said = upgrade_request(&format!("/yjs/early-{document}"));
            said.extend(frame(0x82, SYNC_STEP_1));
            // Some of them cut in two records, of which the second may stay behind with the first core.
            let (first, second) = said.split_at(said.len() - document % 3);
            tls.conn.writer().write_all(first).expect("it waits");
            tls.conn.writer().write_all(second).expect("it waits");
            let mut client = Client::over(tls);
            client.send_raw(b"");
            client.expect_upgrade();
            client.wait_for(|message| message.starts_with(&[0, 1]));
        }
    });
}

#[test]
fn ciphertext_may_come_byte_by_byte() {
    with_each_driver(|driver| {
        let host = Host::start(driver, &["--shards", "3"]);
        for version in VERSIONS {
            let mut tls = session(&host.identity.client(&[version]));
            let mut sock = socket(host.address());
            let mut said = upgrade_request("/yjs/slow");
            said.extend(frame(0x82, SYNC_STEP_1));
            tls.writer().write_all(&said).expect("it waits");
            while tls.is_handshaking() || tls.wants_write() {
                let mut bytes = Vec::new();
                while tls.wants_write() {
                    tls.write_tls(&mut bytes).expect("a vector takes everything");
                }
                for byte in bytes {
                    sock.write_all(&[byte]).expect("the server goes on");
                }
                if tls.is_handshaking() {
                    tls.read_tls(&mut sock).expect("the server goes on");
                    tls.process_new_packets().expect("the server keeps to the protocol");
                }
            }
            let mut client = Client::over(StreamOwned::new(tls, sock));
            client.expect_upgrade();
            client.wait_for(|message| message.starts_with(&[0, 1]));
        }
    });
}

#[test]
fn large_messages_come_back_whole() {
    with_each_driver(|driver| {
        let host = Host::start(driver, &["--conformance"]);
        for version in VERSIONS {
            let mut client = host.upgrade(version, "/echo");
            for length in [0, 1, 16_383, 16_384, 16_385, 65_536, 3_000_001] {
                let message: Vec<u8> = (0..length).map(|place: u32| (place * 7 % 253) as u8).collect();
                client.send_binary(&message);
                assert!(client.message() == message, "{length} bytes");
            }
        }
    });
}

#[test]
fn connections_end_in_order() {
    with_each_driver(|driver| {
        let mut host = Host::start(driver, &[]);
        for version in VERSIONS {
            // A client that misses the close_notify fails.
            let mut plain = host.client(version);
            plain.send_raw(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
            assert!(plain.rest().ends_with(b"{\"status\":\"ok\"}\n"));
            let mut lingering = host.client(version);
            lingering.send_raw(b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
            assert!(lingering.rest().starts_with(b"HTTP/1.1 400 "));
            let mut client = host.upgrade(version, "/yjs/a");
            client.send_frame(0x88, &[0x03, 0xe8]);
            assert_eq!(client.close_code(), Some(1000));
            assert!(client.is_at_end());
            let mut wrong = host.upgrade(version, "/yjs/a");
            wrong.send_frame(0x83, b"");
            assert_eq!(wrong.close_code(), Some(1002));
            assert!(wrong.is_at_end());

            let mut leaving =
                handshake(host.address(), &host.identity.client(&[version])).expect("they share a version");
            leaving.conn.send_close_notify();
            assert_eq!(leaving.read(&mut [0]).expect("it is answered"), 0);
        }
        let mut last = host.upgrade(&TLS13, "/yjs/a");
        last.message();
        host.server.terminate();
        assert_eq!(last.close_code(), Some(1012));
        last.send_frame(0x88, &[0x03, 0xf4]);
        assert!(last.is_at_end());
        let (code, said) = host.server.end();
        assert_eq!(code, Some(0), "{said}");
    });
}

#[test]
fn a_peer_that_goes_without_a_word_takes_nothing_from_others() {
    with_each_driver(|driver| {
        let host = Host::start(driver, &[]);
        let mut witness = host.upgrade(&TLS13, "/yjs/a");
        for version in VERSIONS {
            let mut client = host.upgrade(version, "/yjs/a");
            client.send_binary(UPDATE_MESSAGE);
            drop(client);
        }
        witness.wait_for(|message| message == UPDATE_MESSAGE);
        // The handshake cut at every tenth byte.
        let mut hello = Vec::new();
        session(&host.identity.client(&[&TLS13])).write_tls(&mut hello).expect("a vector takes everything");
        for cut in (0..hello.len()).step_by(10) {
            socket(host.address()).write_all(&hello[..cut]).expect("the server listens");
        }
        let mut ready = host.client(&TLS13);
        ready.send_raw(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(ready.rest().starts_with(b"HTTP/1.1 200 "));
    });
}

#[test]
fn documents_of_a_connection_that_ends_inside_tls_are_left() {
    with_each_driver(|driver| {
        let host = Host::start(driver, &[]);
        for (version, document) in VERSIONS.into_iter().zip(["a", "b"]) {
            let mut witness = host.upgrade(version, &format!("/yjs/{document}"));
            let mut leaving = host.upgrade(version, "/hocuspocus");
            let mut say = |body: &[u8]| leaving.send_binary(&[b"\x01", document.as_bytes(), body].concat());
            say(b"\x02\x00\x00");
            say(PRESENT);
            witness.wait_for(|message| message == PRESENT);
            leaving.stream.conn.send_close_notify();
            leaving.stream.flush().expect("the server listens");
            witness.wait_for(|message| message.ends_with(b"\x04null"));
        }
    });
}

#[test]
fn what_is_no_tls_is_answered_and_closed() {
    with_each_driver(|driver| {
        let mut host = Host::start(driver, &["--shards", "1"]);
        let answer = http(host.address(), b"GET /yjs/a HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("this port speaks TLS"), "{answer}");
        for bytes in [
            vec![0; 100],
            b"\x16\x03\x01\xff\xff".to_vec(),
            b"\x17\x03\x03\x00\x01x".to_vec(),
            [b"\x16\x03\x01\x40\x00\x01\x00\xff\xf0".as_slice(), &[7; 100_000]].concat(),
        ] {
            let mut stream = socket(host.address());
            // It may be closed before everything is taken.
            drop(stream.write_all(&bytes));
            let answer = rest(stream);
            assert!(answer.starts_with(&[0x15, 3]) && answer[5] == 2, "a fatal alert: {answer:02x?}");
        }
        let counters = host.server.counters(1).remove(0);
        // They are laid out four times in a second.
        let counted = |line: &str| line.contains("failures: 5, plain_http: 1");
        let mut line = counters;
        while !counted(&line) {
            line = host.server.counters(1).remove(0);
        }
    });
}

#[test]
fn who_does_not_finish_the_handshake_is_sent_away() {
    with_each_driver(|driver| {
        let host = Host::start(driver, &["--upgrade-timeout-ms", "300"]);
        let mut hello = Vec::new();
        let mut tls = session(&host.identity.client(&[&TLS13]));
        tls.write_tls(&mut hello).expect("a vector takes everything");
        let cut = |bytes: &[u8]| {
            let mut stream = socket(host.address());
            // Where the machine stood still, it has been sent away already.
            drop(stream.write_all(bytes));
            stream
        };
        let mut streams: Vec<TcpStream> = (0..50).map(|part| cut(&hello[..hello.len() * part / 50])).collect();
        // The server has answered, and waits for the client's end of the handshake.
        streams.push(cut(&hello));
        for stream in streams {
            rest(stream);
        }
        // And one that says nothing inside, as soon as one comes so far in time.
        let config = host.identity.client(&[&TLS13]);
        let silent = loop {
            let mut tls = connect(host.address(), &config);
            while tls.conn.is_handshaking() && tls.conn.complete_io(&mut tls.sock).is_ok() {}
            if !tls.conn.is_handshaking() {
                break tls;
            }
        };
        rest(silent.sock);
    });
}

#[test]
fn handshakes_that_come_at_once_are_all_completed_in_turn() {
    with_each_driver(|driver| {
        let mut host = Host::start(driver, &["--shards", "1"]);
        let config = host.identity.client(&[&TLS13]);
        loop {
            let begun: Vec<(ClientConnection, TcpStream, Vec<u8>)> = (0..100)
                .map(|_| {
                    let (mut tls, mut hello) = (session(&config), Vec::new());
                    tls.write_tls(&mut hello).expect("a vector takes everything");
                    (tls, socket(host.address()), hello)
                })
                .collect();
            // All of them are there when the server looks.
            host.server.signal(Signal::STOP);
            for (_, mut stream, hello) in begun.iter().map(|(tls, stream, hello)| (tls, stream, hello)) {
                stream.write_all(hello).expect("the server listens");
            }
            host.server.signal(Signal::CONT);
            for (tls, stream, _) in begun {
                let mut client = Client::over(StreamOwned::new(tls, stream));
                client.send_raw(&upgrade_request("/yjs/a"));
                client.expect_upgrade();
            }
            // The counters are laid out four times in a second: a later storm finds them.
            let line = host.server.counters(1).remove(0);
            // The driver counts something of this name as well.
            if !line.contains(" put_off: 0,") {
                break;
            }
        }
    });
}

#[test]
fn garbage_behind_a_request_ends_that_connection_only() {
    with_each_driver(|driver| {
        let host = Host::start(driver, &["--shards", "5"]);
        for (document, version) in (0..20).map(|document| (document, VERSIONS[document % 2])) {
            let mut tls = handshake(host.address(), &host.identity.client(&[version])).expect("they share a version");
            // Most of these belong to another core than the one that reads the request.
            tls.conn.writer().write_all(&upgrade_request(&format!("/yjs/broken-{document}"))).expect("it waits");
            let mut said = Vec::new();
            tls.conn.write_tls(&mut said).expect("a vector takes everything");
            said.extend(b"\x17\x03\x03\x00\x20");
            said.extend([7; 32]);
            tls.sock.write_all(&said).expect("the server listens");
            rest(tls.sock);
        }
        host.upgrade(&TLS13, "/yjs/a").message();
    });
}

#[test]
fn sessions_of_many_documents_end_with_their_connection() {
    with_each_driver(|driver| {
        let mut host = Host::start(driver, &["--shards", "1"]);
        for (version, says_so) in [(&TLS12, false), (&TLS12, true), (&TLS13, false), (&TLS13, true)] {
            let mut client = host.upgrade(version, "/hocuspocus");
            for document in [b"a", b"b"] {
                client.send_binary(&[&[1], document.as_slice(), b"\x02\x00\x00"].concat());
                client.wait_for(|message| message == [&[1], document.as_slice(), b"\x02\x02\x0aread-write"].concat());
            }
            // The counters are laid out four times in a second.
            while !host.server.counters(1).remove(0).contains(" sessions: 2,") {}
            if says_so {
                client.stream.conn.send_close_notify();
                client.stream.flush().expect("the server listens");
            } else {
                client.stream.sock.shutdown(std::net::Shutdown::Write).expect("a socket");
            }
            while !host.server.counters(1).remove(0).contains(" sessions: 0,") {}
        }
    });
}

#[test]
fn certificates_are_exchanged_without_dropping_connections() {
    with_each_driver(|driver| {
        let mut host = Host::start(driver, &[]);
        let mut old = host.upgrade(&TLS13, "/yjs/a");
        let shown = |host: &Host, trusted: &Identity| {
            let tls = handshake(host.address(), &trusted.client(&[&TLS13]))?;
            Ok::<_, rustls::Error>(tls.conn.peer_certificates().expect("it was shown")[0].clone().into_owned())
        };
        let new = Identity::new();
        new.write(&host.files);
        host.server.signal(Signal::HUP);
        host.server.wait_for_log("new handshakes use the new certificate");
        assert_eq!(shown(&host, &new).expect("it is trusted"), new.certificate);
        assert!(shown(&host, &host.identity).is_err(), "the old one is not shown any more");
        old.send_binary(UPDATE_MESSAGE);
        old.wait_for(|message| message == UPDATE_MESSAGE);

        // Half a rotation that is left at that.
        let newer = Identity::new();
        newer.write_certificate(&host.files);
        let said = host.server.wait_for_log("the one before stays in use");
        assert!(said.contains("this is not the key of the certificate"), "{said}");
        assert_eq!(shown(&host, &new).expect("it is still used"), new.certificate);
        newer.write_key(&host.files);
        host.server.wait_for_log("new handshakes use the new certificate");
        assert_eq!(shown(&host, &newer).expect("it is trusted"), newer.certificate);
    });
}

#[test]
fn sessions_are_resumed_on_whatever_core() {
    with_each_driver(|driver| {
        let host = Host::start(driver, &["--shards", "4"]);
        for version in VERSIONS {
            let config = host.identity.client(&[version]);
            // The kernel spreads connections over the cores.
            for round in 0..12 {
                let mut client = Client::over(connect(host.address(), &config));
                client.send_raw(&upgrade_request(&format!("/yjs/resumed-{round}")));
                client.expect_upgrade();
                client.message();
                let kind = client.stream.conn.handshake_kind();
                assert_eq!(kind == Some(HandshakeKind::Resumed), round > 0, "{version:?}, round {round}");
            }
        }
    });
}

#[test]
fn only_the_versions_that_were_asked_for_are_spoken() {
    let host = Host::start("uring", &["--tls-min-version", "1.3"]);
    let refused = handshake(host.address(), &host.identity.client(&[&TLS12])).err();
    assert_eq!(refused, Some(rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)));
    assert!(handshake(host.address(), &host.identity.client(&[&TLS13])).is_ok());
}

#[test]
fn keys_of_each_kind_serve() {
    for identity in Identity::of_each_kind() {
        let host = Host::with(identity, "uring", &[]);
        for version in VERSIONS {
            host.upgrade(version, "/yjs/a").message();
        }
    }
}

#[test]
fn what_cannot_serve_is_said_at_the_start() {
    let folder = Folder::new();
    let files = Files::new(folder.path());
    Identity::new().write(&files);
    let [certificate_flag, certificate, key_flag, key] = files.flags();
    for (flags, said) in [
        (vec![certificate_flag, certificate], "tls_certificate_file is given without tls_key_file"),
        (vec![key_flag, key], "tls_key_file is given without tls_certificate_file"),
        (vec![certificate_flag, certificate, key_flag, "/nowhere/key.pem"], "/nowhere/key.pem: cannot be read"),
        (vec![certificate_flag, key, key_flag, key], "there is no certificate in it"),
        (vec![certificate_flag, certificate, key_flag, certificate], "there is no private key in it"),
        (vec!["--tls-min-version", "1.1"], "allowed: 1.2"),
    ] {
        let (code, log) = fails("uring", &folder, &flags);
        assert!(code.is_some_and(|code| code != 0) && log.contains(said), "{flags:?}: {log}");
    }
    Identity::new().write_key(&files);
    let (code, log) = fails("uring", &folder, &files.flags());
    assert!(code == Some(1) && log.contains("this is not the key of the certificate"), "{log}");
}

#[test]
fn openssl_agrees() {
    if !openssl::is_installed() {
        println!("not tested: openssl is not installed");
        return;
    }
    let host = Host::start("uring", &[]);
    let request = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    let ask = |flags: &[&str]| {
        openssl::client(host.address(), &host.files.certificate, flags, request, "{\"status\":\"ok\"}")
    };
    for (flags, agreed) in [
        (["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"], "TLS_AES_128_GCM_SHA256"),
        (["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"], "TLS_CHACHA20_POLY1305_SHA256"),
        (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"], "ECDHE-ECDSA-CHACHA20-POLY1305"),
        (["-tls1_3", "-alpn", "h2,http/1.1"], "ALPN protocol: http/1.1"),
        (["-tls1_2", "-servername", "somebody.else"], "Verify return code: 0 (ok)"),
    ] {
        let said = ask(&flags);
        assert!(said.contains(agreed) && said.contains("{\"status\":\"ok\"}"), "{flags:?}: {said}");
    }
    for flags in [
        ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
        ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
        ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"],
        ["-tls1_2", "-cipher", "AES128-GCM-SHA256:@SECLEVEL=0"],
        ["-tls1_3", "-alpn", "h2"],
    ] {
        let said = ask(&flags);
        assert!(said.contains("Cipher is (NONE)") || said.contains("alert"), "{flags:?}: {said}");
        assert!(!said.contains("\"status\""), "{flags:?}: {said}");
    }
    // A line that is only this letter asks for a renegotiation.
    let said = openssl::client(host.address(), &host.files.certificate, &["-tls1_2"], "R\n", "RENEGOTIATING\n");
    assert!(said.contains("no renegotiation") || said.contains("no_renegotiation"), "{said}");
}
