//! The limits of the built binary, over loopback: who runs into each, who stands beside it, and that what was taken is given back.

#[path = "server/client.rs"]
#[allow(dead_code, reason = "shared with the other tests of the binary")]
mod client;
#[path = "limits/guest.rs"]
mod guest;
#[path = "server/process.rs"]
#[allow(dead_code, reason = "shared with the other tests of the binary")]
mod process;

use client::{Client, frame, http, with_headers};
use guest::{Answer, ask, assert_alive, connect, count, knock, upgrade, upgrade_in_the_end, wait_for_count};
use process::{Folder, Server};
use selvedge_protocol::websocket::{Compressor, WindowBits};
use serde_json::Value;

const DRIVERS: [&str; 3] = ["uring", "uring --descriptors direct", "monoio"];

fn start(arguments: &[&str]) -> Server {
    Server::start("uring", &Folder::new(), arguments)
}

#[test]
fn denied_networks_are_closed_at_once_and_others_served() {
    for driver in DRIVERS {
        let args = ["--allow-networks", "127.0.0.0/28", "--deny-networks", "127.0.0.2,127.0.0.4/31"];
        let mut server = Server::start(driver, &Folder::new(), &args);
        for (last, expected) in
            [(1, Answer::Open), (2, Answer::Closed), (3, Answer::Open), (4, Answer::Closed), (5, Answer::Closed)]
        {
            assert_eq!(upgrade(&server, last, "/yjs/a").1, expected, "127.0.0.{last}");
        }
        assert_eq!(upgrade(&server, 16, "/yjs/a").1, Answer::Closed, "outside of what is allowed");
        wait_for_count(&mut server, "networks_denied", 4);
    }
}

#[test]
fn an_address_gets_its_connections_back_however_they_end() {
    for driver in DRIVERS {
        let mut server = Server::start(driver, &Folder::new(), &["--connections-per-address-max", "2"]);
        let mut stays = upgrade(&server, 2, "/yjs/stays").0;
        // Documents of both cores: the place goes with the socket.
        for document in 0..8 {
            let path = format!("/yjs/document-{document}");
            for ending in 0..7 {
                let mut taken = upgrade_in_the_end(&server, 2, &path);
                let (_, answer, said) = knock(&server, 2, b"", &path, "");
                assert_eq!(answer, Answer::Status(429), "{said}");
                assert!(said.contains("\r\nRetry-After: ") && said.contains("too many connections"), "{said}");
                match ending {
                    0 => drop(taken),
                    1 => {
                        taken.send_raw(&frame(0x88, &1000_u16.to_be_bytes()));
                        assert_eq!(taken.close_code(), Some(1000));
                    }
                    2 => taken.send_raw(&[0x82, 0x01, 0x00]),
                    3 => taken.send_raw(&frame(0x82, &[0, 9])),
                    4 => taken.send_raw(&frame(0x81, b"text")),
                    5 => taken.send_raw(&[0x82, 0xfe]),
                    _ => taken.send_raw(&frame(0x82, &[0, 0, 1, 0])),
                }
            }
        }
        let _neighbour = upgrade(&server, 3, "/yjs/a");
        assert_eq!(_neighbour.1, Answer::Open);
        // What never becomes a WebSocket gives its place back as well.
        for request in ["GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", "nonsense\r\n\r\n"] {
            drop(upgrade_in_the_end(&server, 2, "/yjs/a"));
            until_let_in(&server, request);
        }
        drop(upgrade_in_the_end(&server, 2, "/yjs/a"));
        assert_alive(&mut stays);
        wait_for_count(&mut server, "addresses_full", 8 * 7);
    }
}

/// Asks until it is not for want of a place that there is no other answer.
fn until_let_in(server: &Server, request: &str) {
    loop {
        let mut client = connect(server, 2);
        client.send_raw(request.as_bytes());
        if !client.rest().starts_with(b"HTTP/1.1 429 ") {
            break;
        }
    }
}

#[test]
fn an_address_gets_back_the_connections_that_never_asked() {
    for driver in DRIVERS {
        let args = ["--connections-per-address-max", "1", "--upgrade-timeout-ms", "100"];
        let mut server = Server::start(driver, &Folder::new(), &args);
        for request in ["GET / HT", "", "GET / HT", ""] {
            until_let_in(&server, request);
        }
        let mut taken = loop {
            // Whoever asks on a machine that stands still may be late, and is told so.
            match upgrade(&server, 2, "/yjs/a") {
                (client, Answer::Open) => break client,
                (_, Answer::Status(408 | 429) | Answer::Closed) => {}
                (_, other @ Answer::Status(_)) => panic!("refused otherwise: {other:?}"),
            }
        };
        while upgrade(&server, 2, "/yjs/a").1 != Answer::Status(429) {}
        assert_alive(&mut taken);
        wait_for_count(&mut server, "addresses_full", 1);
    }
}

#[test]
fn health_is_told_to_an_address_that_has_had_its_share() {
    let server = start(&["--connections-per-address-max", "1"]);
    let _first = Client::upgrade(server.address, "/yjs/a");
    assert!(http(server.address, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").contains("ok"));
    assert_eq!(upgrade(&server, 1, "/yjs/a").1, Answer::Status(429));
}

#[test]
fn new_connections_of_an_address_come_in_a_burst_and_no_faster() {
    let args = ["--connections-per-address-per-second-max", "1", "--connections-per-address-burst", "3"];
    let mut server = start(&args);
    let answers: Vec<Answer> = (0..4).map(|_| upgrade(&server, 2, "/yjs/a").1).collect();
    assert_eq!(answers[..3], [Answer::Open, Answer::Open, Answer::Open]);
    // A slow machine may have let a second pass; then it was let in for that.
    assert!(answers[3] == Answer::Status(429) || answers[3] == Answer::Open, "{answers:?}");
    assert_eq!(upgrade(&server, 3, "/yjs/a").1, Answer::Open);
    while upgrade(&server, 2, "/yjs/a").1 == Answer::Open {}
    upgrade_in_the_end(&server, 2, "/yjs/a");
    wait_for_count(&mut server, "addresses_fast", 1);
}

#[test]
fn a_crowd_of_refused_connections_is_bounded_and_hurts_nobody_else() {
    let mut server = start(&["--connections-per-address-max", "1", "--upgrade-timeout-ms", "600000"]);
    let mut first = upgrade(&server, 2, "/yjs/a").0;
    // Silent: each would be heard for ten minutes. Two cores hear 256 of them each.
    let crowd: Vec<Client> = (0..1_000).map(|_| connect(&server, 2)).collect();
    wait_for_count(&mut server, "refused_unheard", 1_000 - 2 * 256);
    assert_eq!(upgrade(&server, 3, "/yjs/a").1, Answer::Open);
    assert_alive(&mut first);
    drop(crowd);
    drop(first);
    loop {
        // Closed at once while the crowd is still being let go, then told, then let in.
        if upgrade(&server, 2, "/yjs/a").1 == Answer::Open {
            break;
        }
    }
}

#[test]
fn only_trusted_proxies_say_for_whom_they_speak() {
    for driver in DRIVERS {
        let args = [
            "--trusted-proxies",
            "127.0.0.9",
            "--deny-networks",
            "203.0.113.0/24",
            "--connections-per-address-max",
            "1",
        ];
        let mut server = Server::start(driver, &Folder::new(), &args);
        let forwarded =
            |last, chain: &str| knock(&server, last, b"", "/yjs/a", &format!("X-Forwarded-For: {chain}\r\n"));
        let first = forwarded(9, "192.0.2.1");
        assert_eq!(first.1, Answer::Open);
        assert_eq!(forwarded(9, "198.51.100.7, 192.0.2.1").1, Answer::Status(429), "what it appended counts");
        let _second = forwarded(9, "192.0.2.1, 192.0.2.2");
        assert_eq!(_second.1, Answer::Open);
        let (_, answer, said) = forwarded(9, "203.0.113.5");
        assert_eq!(answer, Answer::Status(403), "{said}");
        let (_, answer, said) = forwarded(9, "unknown");
        assert_eq!(answer, Answer::Status(400), "{said}");
        // Somebody else may say what it likes.
        let third = forwarded(2, "192.0.2.3");
        assert_eq!(third.1, Answer::Open);
        assert_eq!(forwarded(2, "192.0.2.4").1, Answer::Status(429));
        assert_eq!(forwarded(3, "203.0.113.5").1, Answer::Open);
        assert_eq!(forwarded(4, "unknown").1, Answer::Open);
        // The proxy itself is not counted.
        let checks: Vec<_> = (0..3).map(|_| upgrade(&server, 9, "/yjs/a")).collect();
        assert!(checks.iter().all(|(_, answer)| *answer == Answer::Open));
        drop(first);
        while forwarded(9, "192.0.2.1").1 != Answer::Open {}
        wait_for_count(&mut server, "forwarded_malformed", 1);
    }
}

/// A header of version 2 for a client.
fn proxy_v2(client: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend(client);
    header.extend([127, 0, 0, 1, 0x30, 0x39, 0, 80]);
    header
}

#[test]
fn the_proxy_protocol_is_spoken_by_trusted_proxies_and_by_nobody_else() {
    for driver in DRIVERS {
        let args = [
            "--trusted-proxies",
            "127.0.0.9",
            "--proxy-protocol",
            "--deny-networks",
            "203.0.113.0/24",
            "--connections-per-address-max",
            "1",
        ];
        let mut server = Server::start(driver, &Folder::new(), &args);
        let spoken = |last, before: &[u8]| knock(&server, last, before, "/yjs/a", "");
        let v1 = b"PROXY TCP4 192.0.2.1 127.0.0.1 12345 80\r\n";
        let first = spoken(9, v1);
        assert_eq!(first.1, Answer::Open);
        assert_eq!(spoken(9, &proxy_v2([192, 0, 2, 1])).1, Answer::Status(429), "both versions mean the same client");
        let _second = spoken(9, &proxy_v2([192, 0, 2, 2]));
        assert_eq!(_second.1, Answer::Open);
        assert_eq!(spoken(9, &proxy_v2([203, 0, 113, 1])).1, Answer::Closed);
        assert_eq!(spoken(9, b"").1, Answer::Closed, "a proxy has to begin with it");
        assert_eq!(spoken(9, b"PROXY UNKNOWN\r\n").1, Answer::Open, "the proxy itself");
        // Nobody else may: to them it is no HTTP.
        for (last, before) in [(2, v1.to_vec()), (3, proxy_v2([192, 0, 2, 9]))] {
            let (_, answer, said) = spoken(last, &before);
            assert!(matches!(answer, Answer::Status(400..=505)), "{said}");
        }
        assert_eq!(spoken(2, b"").1, Answer::Open);
        // Byte by byte, with the request right behind it.
        let mut slow = connect(&server, 9);
        for byte in proxy_v2([192, 0, 2, 3]) {
            slow.send_raw(&[byte]);
        }
        slow.send_raw(&client::upgrade_request("/yjs/a"));
        slow.expect_upgrade();
        assert_alive(&mut slow);
        drop(first);
        while spoken(9, v1).1 != Answer::Open {}
        wait_for_count(&mut server, "proxy_headers_refused", 1);
    }
}

#[test]
fn a_proxy_that_does_not_say_for_whom_it_speaks_is_not_waited_for() {
    let args = ["--trusted-proxies", "127.0.0.9", "--proxy-protocol", "--upgrade-timeout-ms", "100"];
    let server = start(&args);
    let mut silent = connect(&server, 9);
    let mut slow = connect(&server, 9);
    slow.send_raw(b"PROXY TCP4 192.0.2.1");
    assert_eq!(silent.rest(), b"");
    slow.rest();
}

#[test]
fn pages_of_other_origins_are_refused_and_told_why() {
    let mut server = start(&["--allowed-origins", "https://app.example"]);
    let from = |origin: &str| knock(&server, 1, b"", "/yjs/a", origin);
    assert_eq!(from("").1, Answer::Open);
    assert_eq!(from("Origin: https://app.example\r\n").1, Answer::Open);
    for origin in ["https://evil.example", "null", "https://app.example.evil.example", "http://app.example"] {
        let (_, answer, said) = from(&format!("Origin: {origin}\r\n"));
        assert_eq!(answer, Answer::Status(403), "{said}");
        assert!(said.contains("allowed_origins"), "{said}");
    }
    let twice = "Origin: https://app.example\r\nOrigin: https://evil.example\r\n";
    assert_eq!(from(twice).1, Answer::Status(400));
    wait_for_count(&mut server, "origins_refused", 4);
}

#[test]
fn without_tokens_only_pages_of_this_machine_are_let_in_unless_it_is_said_otherwise() {
    let from = |server: &Server, origin: &str| knock(server, 1, b"", "/yjs/a", &format!("Origin: {origin}\r\n"));
    let mut server = start(&[]);
    for origin in ["http://localhost:5173", "http://127.0.0.1:8421", "https://[::1]"] {
        assert_eq!(from(&server, origin).1, Answer::Open, "{origin}");
    }
    for origin in ["https://app.example", "null", "http://localhost.evil.example"] {
        let (_, answer, said) = from(&server, origin);
        assert_eq!(answer, Answer::Status(403), "{origin}: {said}");
        assert!(said.contains("allowed_origins") && said.contains("auth = none"), "{said}");
    }
    wait_for_count(&mut server, "origins_refused", 3);
    assert_eq!(from(&start(&["--auth", "none"]), "https://app.example").1, Answer::Open);
}

#[test]
fn who_sends_too_much_is_read_later_and_loses_nothing() {
    for driver in DRIVERS {
        let args = ["--conformance", "--connection-messages-per-second-max", "200", "--connection-burst-ms", "0"];
        let mut server = Server::start(driver, &Folder::new(), &args);
        let mut flood = Client::upgrade(server.address, "/echo");
        let mut neighbour = Client::upgrade(server.address, "/yjs/a");
        for number in 0..500_u32 {
            flood.send_binary(&number.to_be_bytes());
        }
        assert_alive(&mut neighbour);
        for number in 0..500_u32 {
            assert_eq!(flood.message(), number.to_be_bytes());
        }
        assert_alive(&mut flood);
        wait_for_count(&mut server, "rate_holds", 10);

        // Control frames count as well, and so do bytes.
        for _ in 0..100 {
            flood.send_raw(&frame(0x8a, b"pong"));
        }
        assert_alive(&mut flood);
    }
    let mut server =
        start(&["--conformance", "--connection-bytes-per-second-max", "1MiB", "--connection-burst-ms", "0"]);
    let mut flood = Client::upgrade(server.address, "/echo");
    let large = vec![7; 1 << 20];
    flood.send_binary(&large);
    assert_eq!(flood.message(), large);
    assert_alive(&mut flood);
    wait_for_count(&mut server, "rate_holds", 1);
}

#[test]
fn compressed_messages_count_by_what_they_inflate_to() {
    // A message of a type that is passed over, of half a mebibyte.
    let mut message = vec![0; 1 << 19];
    message[0] = 100;
    let mut compressor = Compressor::default();
    let compressed = compressor.compress(&message, WindowBits::MAX).expect("zeros").to_vec();
    assert!(compressed.len() < 1_024);
    let args = ["--compression", "--connection-bytes-per-second-max", "1MiB", "--connection-burst-ms", "0"];
    let mut server = start(&args);
    let mut client = Client::connect(server.address);
    client.send_raw(&with_headers("/yjs/a", "Sec-WebSocket-Extensions: permessage-deflate\r\n"));
    assert!(client.expect_upgrade().contains("permessage-deflate"));
    client.send_frame(0xc2, &compressed);
    client.send_frame(0xc2, &compressed);
    assert_alive(&mut client);
    wait_for_count(&mut server, "rate_holds", 1);
}

#[test]
fn a_message_that_does_not_end_is_cut_off() {
    for driver in DRIVERS {
        let mut server = Server::start(driver, &Folder::new(), &["--message-timeout-ms", "100"]);
        let mut idle = Client::upgrade(server.address, "/yjs/a");
        let frame = frame(0x82, &[0; 1_000]);
        let mut header = Client::upgrade(server.address, "/yjs/a");
        header.send_raw(&frame[..1]);
        let mut begun = Client::upgrade(server.address, "/yjs/b");
        begun.send_raw(&frame[..500]);
        let mut fragment = Client::upgrade(server.address, "/yjs/c");
        fragment.send_frame(0x02, b"a fragment");
        for client in [&mut header, &mut begun, &mut fragment] {
            assert_eq!(client.close_code(), Some(1013));
        }
        assert_alive(&mut idle);
        wait_for_count(&mut server, "messages_overdue", 3);
    }
}

#[test]
fn memory_that_runs_short_is_taken_from_those_who_hold_most() {
    let mut measured = start(&[]);
    wait_for_count(&mut measured, "memory_used_bytes", 1);
    let used = count(&mut measured, "memory_used_bytes") / 2;
    drop(measured);

    let budget = (used + (64 << 20)).to_string();
    let mut server = start(&["--memory-max-bytes", &budget, "--connection-bytes-per-second-max", "0"]);
    let mut neighbour = Client::upgrade(server.address, "/yjs/a");
    let address = server.address;
    let ready = || http(address, b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(ready().starts_with("HTTP/1.1 200 "));
    let mut greedy: Vec<Client> =
        (0..64).map(|number| upgrade(&server, 2, &format!("/yjs/greedy-{number}")).0).collect();
    // More idle ones on each core than are closed in one step.
    let mut idle: Vec<Client> = (0..400).map(|_| Client::upgrade(server.address, "/yjs/idle")).collect();
    let whole = frame(0x82, &vec![0; 2 << 20]);
    for client in &mut greedy {
        client.send_raw(&whole[..whole.len() - 1]);
    }
    wait_for_count(&mut server, "memory_closed", 1);
    // Memory comes back when the others go, and with it new clients are let in.
    drop(greedy);
    while ready().contains("memory is short") {}
    let closed = count(&mut server, "memory_closed");
    assert!(closed <= 64, "{closed} were closed");
    assert_alive(&mut neighbour);
    for client in &mut idle {
        assert_alive(client);
    }
    drop(Client::upgrade(server.address, "/yjs/a"));
}

#[test]
fn nobody_is_let_in_where_there_is_no_memory_and_health_says_so() {
    let mut server = start(&[
        "--memory-max-bytes",
        "64MiB",
        "--connection-bytes-per-second-max",
        "0",
        "--connections-per-address-per-second-max",
        "0",
    ]);
    let address = server.address;
    let is_short = || http(address, b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n").contains("memory is short");
    let whole = frame(0x82, &vec![0; 2 << 20]);
    let mut holding = Vec::new();
    while !is_short() {
        let before = count(&mut server, "memory_used_bytes");
        for _ in 0..2 {
            let (mut client, answer) = upgrade(&server, 2, &format!("/yjs/holding-{}", holding.len()));
            if answer == Answer::Open {
                client.send_raw(&whole[..whole.len() - 1]);
                holding.push(client);
            }
        }
        // Until it is seen: each core says what all of them use.
        while !is_short() && count(&mut server, "memory_used_bytes") < before + 2 * (2 << 20) {}
    }
    let (_, answer, said) = knock(&server, 1, b"", "/yjs/a", "");
    assert_eq!(answer, Answer::Status(503), "{said}");
    assert!(said.contains("memory is short") && said.contains("\r\nRetry-After: "), "{said}");
    let ready = http(server.address, b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(ready.starts_with("HTTP/1.1 503 ") && ready.contains("memory is short"), "{ready}");
    assert!(http(server.address, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").contains("ok"));
    wait_for_count(&mut server, "memory_joins_refused", 1);
}

/// A token by the secret that is in this folder.
fn token(folder: &Folder, what: &[&str]) -> String {
    let made = std::process::Command::new(env!("CARGO_BIN_EXE_selvedge"))
        .arg("token")
        .arg("--auth-secret-file")
        .arg(folder.path().join("secret"))
        .args(what)
        .args(["--ttl", "1h"])
        .output()
        .expect("the binary was built");
    assert!(made.status.success(), "{made:?}");
    String::from_utf8(made.stdout).expect("tokens are text").trim().to_owned()
}

/// A server that asks for tokens, and tokens of these subjects for all documents.
fn with_tokens(folder: &Folder, arguments: &[&str], subjects: &[&str]) -> (Server, Vec<String>) {
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "a secret that only this server and its test know").expect("a folder for the test");
    let secret = secret.display().to_string();
    let tokens = subjects.iter().map(|subject| token(folder, &["--sub", subject, "--document", "*=write"])).collect();
    (Server::start("uring", folder, &[&["--auth-secret-file", &secret], arguments].concat()), tokens)
}

#[test]
fn an_address_whose_logins_fail_is_banned_for_a_while_and_its_neighbour_is_not() {
    let folder = Folder::new();
    let args = ["--login-failures-max", "3", "--login-failures-window-ms", "600000", "--ban-ms", "500"];
    let (mut server, tokens) = with_tokens(&folder, &args, &["ada"]);
    let good = format!("/yjs/a?token={}", tokens[0]);
    let mut stays = upgrade(&server, 2, &good).0;
    for _ in 0..3 {
        // Let in only to be told why not.
        let (mut client, answer) = upgrade(&server, 2, &format!("{good}x"));
        assert_eq!(answer, Answer::Open);
        assert_eq!(client.close_code(), Some(4401));
    }
    wait_for_count(&mut server, "bans", 1);
    assert_eq!(upgrade(&server, 3, &good).1, Answer::Open, "a neighbour");
    drop(upgrade_in_the_end(&server, 2, &good));
    assert_alive(&mut stays);
    // Without a token nothing was guessed.
    for _ in 0..4 {
        assert_eq!(upgrade(&server, 4, "/yjs/a").1, Answer::Open);
    }
    assert_eq!(count(&mut server, "bans"), 1);
}

#[test]
fn who_goes_on_failing_on_a_connection_that_is_open_loses_it() {
    let folder = Folder::new();
    let (mut server, tokens) = with_tokens(&folder, &["--login-failures-max", "3"], &["ada"]);
    let authenticate = |document: &str, token: &str| {
        let length = token.len();
        // A varUint of two bytes.
        let head = [2, 0, length as u8 | 0x80, (length >> 7) as u8];
        [&[document.len() as u8], document.as_bytes(), &head, token.as_bytes()].concat()
    };
    let mut client = upgrade(&server, 2, "/hocuspocus").0;
    let mut other = upgrade(&server, 2, "/hocuspocus").0;
    client.send_binary(&authenticate("good", &tokens[0]));
    for name in ["a", "b", "c", "d"] {
        client.send_binary(&authenticate(name, &format!("{}x", tokens[0])));
    }
    assert_eq!(client.close_code(), Some(1013));
    wait_for_count(&mut server, "bans", 1);
    // Another of the same address, which was open before, may still come in, and may not fail.
    other.send_binary(&authenticate("good", &tokens[0]));
    assert!(other.message().ends_with(b"read-write"));
    other.send_binary(&authenticate("a", &format!("{}x", tokens[0])));
    assert_eq!(other.close_code(), Some(1013));
}

#[test]
fn a_token_counts_as_many_messages_on_a_connection_for_many_documents() {
    let folder = Folder::new();
    let args = ["--connection-messages-per-second-max", "100", "--connection-burst-ms", "1000"];
    let (mut server, tokens) = with_tokens(&folder, &args, &["ada"]);
    let mut client = upgrade(&server, 2, "/hocuspocus").0;
    let guess = format!("{}x", tokens[0]);
    let length = u16::try_from(guess.len()).expect("a token is short");
    let length = [(length & 0x7f) as u8 | 0x80, (length >> 7) as u8];
    let message = frame(0x82, &[b"\x01a\x02\x00", &length[..], guess.as_bytes()].concat());
    // A hundred messages may come at once.
    client.send_raw(&message.repeat(3));
    for _ in 0..3 {
        assert!(client.message().starts_with(b"\x01a\x02\x01"), "denied, and slowly");
    }
    wait_for_count(&mut server, "rate_holds", 1);
}

#[test]
fn what_a_message_becomes_when_it_is_inflated_counts_too() {
    let args = ["--compression", "--connection-bytes-per-second-max", "1MiB", "--connection-burst-ms", "1000"];
    let mut server = start(&args);
    let mut client = knock(&server, 2, b"", "/yjs/a", "Sec-WebSocket-Extensions: permessage-deflate\r\n").0;
    // A type that no server knows, which leads to nothing.
    let mut compressor = Compressor::default();
    let small = compressor.compress(&[99; 3 << 19], WindowBits::MAX).expect("it gets smaller");
    assert!(small.len() < 3_000, "{} bytes", small.len());
    client.send_raw(&frame(0xc2, small).repeat(2));
    assert_alive(&mut client);
    wait_for_count(&mut server, "rate_holds", 1);
}

#[test]
fn a_banned_address_is_told_so() {
    let folder = Folder::new();
    let (mut server, tokens) = with_tokens(&folder, &["--login-failures-max", "1"], &["ada"]);
    let good = format!("/yjs/a?token={}", tokens[0]);
    drop(upgrade(&server, 2, &format!("{good}x")));
    wait_for_count(&mut server, "bans", 1);
    let (_, answer, said) = knock(&server, 2, b"", &good, "");
    assert_eq!(answer, Answer::Status(429), "{said}");
    assert!(said.contains("\r\nRetry-After: 60\r\n") && said.contains("failed logins"), "{said}");
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

#[test]
fn who_guesses_tokens_on_the_control_plane_is_banned_there_and_on_the_port_of_clients() {
    let folder = Folder::new();
    let audit = folder.path().join("audit.log");
    let audit_file = audit.display().to_string();
    let window = ["--login-failures-window-ms", "600000"];
    let args =
        [&window[..], &["--login-failures-max", "3", "--ban-ms", "600000", "--audit-file", &audit_file]].concat();
    let (mut server, tokens) = with_tokens(&folder, &args, &["ada"]);
    let good = bearer(&tokens[0]);
    let guess = bearer(&format!("{}x", tokens[0]));
    let path = "/v1/documents";
    assert_eq!(ask(&server, 2, path, &good).0, 200);
    // Those on the port of clients count with those here.
    for _ in 0..2 {
        assert_eq!(ask(&server, 2, path, &guess).0, 401);
    }
    let (mut client, answer) = upgrade(&server, 2, &format!("/yjs/a?token={}x", tokens[0]));
    assert_eq!((answer, client.close_code()), (Answer::Open, Some(4401)));
    for (headers, path) in [(&*good, path), (&guess, path), ("", "/"), ("", "/openapi.json"), ("", "/nothing")] {
        let (status, said) = ask(&server, 2, path, headers);
        assert_eq!(status, 429, "{said}");
        let said = said.to_ascii_lowercase();
        assert!(said.contains("\r\nretry-after: 600\r\n") && said.contains("failed logins"), "{said}");
    }
    // How the server is, everybody is told.
    assert_eq!(["/healthz", "/readyz"].map(|path| ask(&server, 2, path, "").0), [200, 200]);
    // A ban that begins here holds there.
    for _ in 0..3 {
        assert_eq!(ask(&server, 3, path, &guess).0, 401);
    }
    assert_eq!(upgrade(&server, 3, &format!("/yjs/a?token={}", tokens[0])).1, Answer::Status(429));
    // A neighbour, and one who guessed nothing.
    for _ in 0..4 {
        assert_eq!(ask(&server, 4, path, "").0, 401);
        assert_eq!(ask(&server, 4, path, "Authorization: Basic eDp5\r\n").0, 401);
    }
    assert_eq!(ask(&server, 4, path, &good).0, 200);
    let admin = token(&folder, &["--sub", "ada", "--admin"]);
    // What cores have counted is laid out four times in a second.
    loop {
        let (status, page) = ask(&server, 4, "/metrics", &bearer(&admin));
        assert_eq!(status, 200, "{page}");
        let is_counted = |line: &str| page.lines().any(|it| it == line);
        if is_counted("selvedge_logins_failed_total 6") && is_counted("selvedge_bans_total 2") {
            break;
        }
    }
    server.terminate();
    assert_eq!(server.exit_code(), Some(0));
    let log = std::fs::read_to_string(&audit).expect("there is a log");
    let events: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let banned = events.iter().filter(|event| event["event"] == "banned").map(|event| event["address"].as_str());
    assert_eq!(banned.collect::<Vec<_>>(), [Some("127.0.0.2"), Some("127.0.0.3")]);
    let refused = |event: &&Value| event["reason"] == "address-banned" && event["core"].is_null();
    assert_eq!(events.iter().find(refused).map(|event| event["address"].as_str()), Some(Some("127.0.0.2")));
}

#[test]
fn a_ban_ends_on_the_control_plane_as_well() {
    let folder = Folder::new();
    let (server, tokens) = with_tokens(&folder, &["--login-failures-max", "1", "--ban-ms", "500"], &["ada"]);
    assert_eq!(ask(&server, 2, "/v1/documents", &bearer("guessed")).0, 401);
    loop {
        match ask(&server, 2, "/v1/documents", &bearer(&tokens[0])).0 {
            200 => break,
            status => assert_eq!(status, 429),
        }
    }
}

#[test]
fn on_the_control_plane_too_only_trusted_proxies_say_for_whom_they_ask() {
    let folder = Folder::new();
    let args = ["--login-failures-max", "2", "--ban-ms", "600000", "--trusted-proxies", "127.0.0.9/32"];
    let (server, tokens) = with_tokens(&folder, &args, &["ada"]);
    let (good, guess) = (bearer(&tokens[0]), bearer("guessed"));
    let ask = |last: u8, headers: &str| ask(&server, last, "/v1/documents", headers).0;
    let client = |address: &str, token: &str| format!("X-Forwarded-For: {address}\r\n{token}");
    for _ in 0..2 {
        assert_eq!(ask(9, &client("198.51.100.7, 192.0.2.1", &guess)), 401);
    }
    assert_eq!(ask(9, &client("192.0.2.1", &good)), 429);
    assert_eq!(ask(9, &client("198.51.100.7", &good)), 200, "what a client made up is not looked at");
    assert_eq!(ask(2, &client("192.0.2.1", &good)), 200, "nobody else is believed");
    // A proxy that speaks for itself is never kept out.
    for _ in 0..3 {
        assert_eq!(ask(9, &guess), 401);
    }
    assert_eq!(ask(9, &good), 200);
    // Nor is it said to be: only the client of before is.
    let admin = token(&folder, &["--sub", "ada", "--admin"]);
    let (_, page) = guest::ask(&server, 4, "/metrics", &bearer(&admin));
    for line in ["selvedge_logins_failed_total 5", "selvedge_bans_total 1"] {
        assert!(page.lines().any(|it| it == line), "{line}: {page}");
    }
    assert_eq!(ask(9, &client("unknown", &good)), 400);
    assert_eq!(guest::ask(&server, 9, "/readyz", &client("unknown", "")).0, 200);
}

#[test]
fn a_user_has_so_many_connections_wherever_they_are() {
    let folder = Folder::new();
    let (mut server, tokens) = with_tokens(&folder, &["--connections-per-user-max", "3"], &["ada", "bob"]);
    let path = |user: usize, document: usize| format!("/yjs/document-{document}?token={}", tokens[user]);
    let mut held: Vec<Client> = (0..3).map(|n| upgrade(&server, 2 + n, &path(0, usize::from(n))).0).collect();
    for client in &mut held {
        assert_alive(client);
    }
    let (mut fourth, answer) = upgrade(&server, 9, &path(0, 7));
    assert_eq!(answer, Answer::Open);
    assert_eq!(fourth.close_code(), Some(1013));
    let mut bob = upgrade(&server, 9, &path(1, 7)).0;
    assert_alive(&mut bob);
    wait_for_count(&mut server, "users_refused", 1);
    drop(held.pop());
    loop {
        // It takes the server moments to see that one has gone.
        let mut next = upgrade(&server, 9, &path(0, 7)).0;
        next.send_raw(&frame(0x88, &1000_u16.to_be_bytes()));
        // Its own code comes back where it was let in.
        if next.close_code() == Some(1000) {
            break;
        }
    }
}

#[test]
fn the_oldest_connection_of_a_user_goes_for_the_newest() {
    let folder = Folder::new();
    let args = ["--connections-per-user-max", "2", "--per-user-at-limit", "close-oldest"];
    let (mut server, tokens) = with_tokens(&folder, &args, &["ada"]);
    let connect = |document: usize| upgrade(&server, 2, &format!("/yjs/document-{document}?token={}", tokens[0])).0;
    let (mut first, mut second) = (connect(0), connect(1));
    assert_alive(&mut first);
    assert_alive(&mut second);
    let mut third = connect(2);
    assert_eq!(first.close_code(), Some(1013));
    assert_alive(&mut third);
    assert_alive(&mut second);
    wait_for_count(&mut server, "users_displaced", 1);
}

#[test]
fn the_audit_log_says_who_came_in_with_a_token_and_never_the_token() {
    let folder = Folder::new();
    let file = folder.path().join("audit.log");
    let path = file.display().to_string();
    let args = ["--audit-file", &path, "--login-failures-max", "1", "--connections-per-user-max", "1"];
    let (mut server, tokens) = with_tokens(&folder, &args, &["ada"]);
    let good = format!("/yjs/notes?token={}", tokens[0]);
    let mut ada = upgrade(&server, 2, &good).0;
    assert_alive(&mut ada);
    assert_eq!(upgrade(&server, 3, &good).0.close_code(), Some(1013));
    assert_eq!(upgrade(&server, 4, &format!("{good}x")).0.close_code(), Some(4401));
    drop(ada);
    server.terminate();
    assert_eq!(server.exit_code(), Some(0));
    let log = std::fs::read_to_string(&file).expect("the audit log");
    for part in tokens[0].split('.') {
        assert!(!log.contains(part), "{log}");
    }
    assert!(!log.contains("only this server"), "{log}");
    let events: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("each line is an object")).collect();
    let of = |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    assert_eq!(of("started")[0]["settings"]["auth_secret_file"], "(secret)");
    let logged_in = of("logged-in");
    assert_eq!(logged_in.len(), 2, "{log}");
    assert_eq!((&logged_in[0]["subject"], &logged_in[0]["document"]), (&"ada".into(), &"notes".into()));
    assert_eq!((&logged_in[0]["address"], &logged_in[0]["how"]), (&"127.0.0.2".into(), &"upgrade".into()));
    assert!(logged_in[0]["expires_at"].is_string() && logged_in[0]["core"].is_number(), "{log}");
    assert_eq!((&of("refused")[0]["reason"], &of("refused")[0]["address"]), (&"login".into(), &"127.0.0.4".into()));
    assert_eq!(of("banned")[0]["address"], "127.0.0.4");
    assert_eq!((&of("closed")[0]["subject"], &of("closed")[0]["reason"]), (&"ada".into(), &"user".into()));
}

#[test]
fn the_audit_log_says_who_did_not_come_in_and_never_a_token() {
    let folder = Folder::new();
    let file = folder.path().join("audit.log");
    let path = file.display().to_string();
    let args = [
        "--audit-file",
        &path,
        "--allowed-origins",
        "https://app.example",
        "--connections-per-address-max",
        "1",
        "--deny-networks",
        "127.0.0.7",
    ];
    let mut server = Server::start("uring", &folder, &args);
    let secret = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0.c2lnbmF0dXJl";
    let path = format!("/yjs/a?token={secret}");
    let headers = format!("Authorization: Bearer {secret}\r\nSec-WebSocket-Protocol: bearer, {secret}\r\n");
    let stays = knock(&server, 2, b"", &path, &headers);
    assert_eq!(stays.1, Answer::Open);
    for _ in 0..20 {
        assert_eq!(knock(&server, 2, b"", &path, &headers).1, Answer::Status(429));
    }
    let evil = format!("Origin: https://evil.example\r\n{headers}");
    assert_eq!(knock(&server, 3, b"", &path, &evil).1, Answer::Status(403));
    assert_eq!(knock(&server, 7, b"", &path, &headers).1, Answer::Closed);
    drop(stays);
    server.terminate();
    assert_eq!(server.exit_code(), Some(0));

    let log = std::fs::read_to_string(&file).expect("the audit log");
    for part in secret.split('.').chain(["token"]) {
        assert!(!log.contains(part), "{log}");
    }
    let events: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("each line is an object")).collect();
    let of = |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    assert_eq!(of("started").len(), 1);
    assert_eq!(of("started")[0]["settings"]["deny_networks"], "127.0.0.7/32");
    assert_eq!(of("stopped").len(), 1);
    let refused = of("refused");
    let reasons = |address: &str| {
        let of_it = refused.iter().filter(|event| event["address"] == address);
        of_it.map(|event| event["reason"].as_str().expect("a reason")).collect::<Vec<_>>()
    };
    assert_eq!(reasons("127.0.0.2"), ["address-connections", "address-connections"]);
    assert_eq!(refused.iter().map(|event| event["repeated"].as_u64().unwrap_or(0)).sum::<u64>(), 19);
    assert_eq!(reasons("127.0.0.3"), ["origin"]);
    assert_eq!(reasons("127.0.0.7"), ["network"]);
}

#[test]
fn a_server_whose_audit_log_cannot_be_written_does_not_start() {
    let folder = Folder::new();
    let path = folder.path().join("missing/audit.log").display().to_string();
    let (code, said) = process::fails("uring", &folder, &["--audit-file", &path]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cannot write the audit log"), "{said}");
}
