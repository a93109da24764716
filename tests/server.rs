//! The built binary, over loopback, with both drivers: from the first byte of a request to the drain.

#[path = "server/client.rs"]
mod client;
#[path = "server/process.rs"]
#[allow(dead_code, reason = "shared with tests that need more of it")]
mod process;

use client::{Client, http};
use process::{Folder, Server};

/// With the flags that go with them.
const DRIVERS: [&str; 3] = ["uring", "uring --descriptors direct", "monoio"];

/// `h` written at the start of the text `t` by client 7, as Yjs writes it.
const UPDATE: &[u8] = b"\x01\x01\x07\x00\x04\x01\x01t\x01h\x00";

/// The message that carries it.
fn update_message() -> Vec<u8> {
    [&[0, 2, UPDATE.len() as u8], UPDATE].concat()
}

/// A SyncStep1 of a client that has nothing.
const SYNC_STEP_1: &[u8] = &[0, 0, 1, 0];

/// Every test runs with every driver.
fn with_each_driver(test: impl Fn(&str)) {
    for driver in DRIVERS {
        println!("driver {driver}");
        test(driver);
    }
}

/// Attaches to a document and gives it the update, and waits for the echo, which says that it is committed.
fn write_update(server: &Server, document: &str) {
    let mut client = Client::upgrade(server.address, &format!("/yjs/{document}"));
    client.send_binary(&update_message());
    client.wait_for(|message| carries(message, UPDATE));
}

/// What a new client of the document is sent.
fn has_update(server: &Server, document: &str) -> bool {
    let mut client = Client::upgrade(server.address, &format!("/yjs/{document}"));
    client.send_binary(SYNC_STEP_1);
    let answer = client.wait_for(|message| message.starts_with(&[0, 1]));
    carries(&answer, UPDATE)
}

fn carries(message: &[u8], update: &[u8]) -> bool {
    message.len() >= 3 && message[0] == 0 && (message[1] == 1 || message[1] == 2) && message.ends_with(update)
}

#[test]
fn plain_requests_are_answered_and_closed() {
    with_each_driver(|driver| {
        let server = Server::start(driver, &Folder::new(), &[]);
        for (request, status, body) in [
            ("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "200", "ok"),
            ("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n", "200", "ready"),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "404", "/yjs/{document}"),
            ("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n", "404", "/healthz"),
            ("GET /yjs/a HTTP/1.1\r\nHost: a\r\n\r\n", "426", "WebSocket"),
            ("POST /yjs/a HTTP/1.1\r\nHost: a\r\n\r\n", "405", "GET"),
            ("nonsense\r\n\r\n", "400", "HTTP"),
            ("GET /yjs/%00 HTTP/1.1\r\nHost: a\r\n\r\n", "400", "allowed are"),
        ] {
            let answer = http(server.address, request.as_bytes());
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
            assert!(answer.contains(body), "{request:?}: {answer}");
        }
        let endless = [b"GET / HTTP/1.1\r\nHost: a\r\nCookie: ".as_slice(), &[b'a'; 100_000]].concat();
        let answer = http(server.address, &endless);
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    });
}

#[test]
fn a_client_sees_what_another_writes_whatever_core_owns_the_document() {
    with_each_driver(|driver| {
        // More shards than this machine has cores; the documents spread over all of them.
        let server = Server::start(driver, &Folder::new(), &["--shards", "9"]);
        for document in 0..32 {
            let path = format!("/yjs/document-{document}");
            let mut reader = Client::upgrade(server.address, &path);
            let mut writer = Client::upgrade(server.address, &path);
            assert_eq!(writer.message(), SYNC_STEP_1, "the server asks first");
            writer.send_binary(&update_message());
            reader.wait_for(|message| carries(message, UPDATE));
            writer.wait_for(|message| carries(message, UPDATE));
            assert!(has_update(&server, &format!("document-{document}")));
        }
    });
}

/// So many letters that client 7 writes at the start of the text `t`, behind those that it wrote before.
fn large_update(clock: usize, letters: usize) -> Vec<u8> {
    let number = |mut value: usize| {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    };
    let (clock, length) = (number(clock), number(letters));
    let content = vec![b'a'; letters];
    [b"\x01\x01\x07", &clock[..], b"\x04\x01\x01t", &length, &content, b"\x00"].concat()
}

#[test]
fn whoever_takes_all_connections_leaves_the_store_its_files_and_operators_their_way_in() {
    with_each_driver(|driver| {
        let folder = Folder::new();
        let arguments =
            ["--control-connections-max", "16", "--control-streams-max", "8", "--upgrade-timeout-ms", "600000"];
        let server = Server::start_with_open_files(driver, &folder, &arguments, 480);
        let ask = |request: &str| http(server.control, request.as_bytes());
        let mut writer = Client::upgrade(server.address, "/yjs/large");
        // They say nothing, and have ten minutes for that.
        let crowd: Vec<Client> = (0..600).map(|_| Client::connect(server.address)).collect();
        let counted = |series: &str| -> usize {
            let page = ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            let values = page.lines().filter_map(|line| line.strip_prefix(series)?.rsplit_once(' '));
            values.map(|(_, value)| value.parse::<usize>().expect("a number")).sum()
        };
        // How many are let in, and how many are told that there is no room, is the server's to say. It has seen all of them, the writer too.
        while counted("selvedge_connections_accepted_total{") < crowd.len() + 1 {}
        // Direct descriptors are none of the process's: there is room for everybody.
        let refused = counted("selvedge_connections_refused_total{reason=\"connections_max\"}");
        assert_eq!(refused == 0, driver.contains("direct"), "{refused} found no room");
        // Many times what the store keeps in memory: it has to begin new files.
        const LETTERS: usize = 256 << 10;
        for number in 0..96 {
            let update = large_update(number * LETTERS, LETTERS);
            let mut length = Vec::new();
            for shift in [0, 7] {
                length.push((update.len() >> shift) as u8 | 0x80);
            }
            length.push((update.len() >> 14) as u8);
            writer.send_binary(&[&[0, 2], &length[..], &update].concat());
            writer.wait_for(|message| carries(message, &update));
        }
        let ask_for = |method: &str, path: &str, body: &str| {
            let length = body.len();
            let answer = ask(&format!(
                "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                 Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            ));
            assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
        };
        ask_for("PUT", "/v1/documents/small", "");
        // A process of its own makes it.
        let operation = r#"[{"op":"text_insert","root":"t","index":0,"text":"Hello"}]"#;
        ask_for("PATCH", "/v1/documents/small/content", operation);
        drop(crowd);
    });
}

#[test]
fn a_request_may_come_byte_by_byte_and_frames_right_behind_it() {
    with_each_driver(|driver| {
        let server = Server::start(driver, &Folder::new(), &["--shards", "3"]);
        for document in 0..6 {
            let path = format!("/yjs/slow-{document}");
            let mut client = Client::connect(server.address);
            let mut bytes = client::upgrade_request(&path);
            bytes.extend(client::frame(0x82, SYNC_STEP_1));
            let (first, rest) = bytes.split_at(bytes.len() - document);
            for byte in first {
                client.send_raw(&[*byte]);
            }
            client.send_raw(rest);
            client.expect_upgrade();
            client.wait_for(|message| message.starts_with(&[0, 1]));
        }
    });
}

#[test]
fn pings_are_answered_and_a_close_is_echoed() {
    with_each_driver(|driver| {
        let server = Server::start(driver, &Folder::new(), &[]);
        let mut client = Client::upgrade(server.address, "/yjs/a");
        client.send_frame(0x89, b"are you there");
        assert_eq!(client.wait_for_frame(0x8a), b"are you there");
        client.send_frame(0x88, &[0x03, 0xe8, b'b', b'y', b'e']);
        assert_eq!(client.close_code(), Some(1000));
        assert!(client.is_at_end(), "the server closes the socket");
    });
}

#[test]
fn what_breaks_the_protocol_is_closed_with_its_code() {
    with_each_driver(|driver| {
        let server = Server::start(driver, &Folder::new(), &["--message-bytes-max", "16384"]);
        let oversize = [0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4];
        let cases: [(&[u8], u16); 7] = [
            (&oversize, 1009),
            (&[0x82, 0x01, 0x00], 1002),
            (&[0xc2, 0x80, 1, 2, 3, 4], 1002),
            (&[0x83, 0x80, 1, 2, 3, 4], 1002),
            (&client::frame(0x81, b"text"), 1003),
            (&client::frame(0x82, &[0, 2, 1, 0xff]), 4400),
            (&client::frame(0x82, &[0, 9]), 4400),
        ];
        for (bytes, code) in cases {
            let mut client = Client::upgrade(server.address, "/yjs/a");
            client.send_raw(bytes);
            assert_eq!(client.close_code(), Some(code), "{bytes:02x?}");
        }
        assert!(http(server.address, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").contains("ok"));
    });
}

#[test]
fn a_request_that_does_not_come_is_not_waited_for() {
    with_each_driver(|driver| {
        let server = Server::start(driver, &Folder::new(), &["--upgrade-timeout-ms", "100"]);
        assert_eq!(Client::connect(server.address).rest(), b"");
        let told = loop {
            let mut slow = Client::connect(server.address);
            slow.send_raw(b"GET /yjs/a HTTP/1.1\r\n");
            let told = slow.rest();
            // A machine that stood still may have said nothing in time: then it was as silent as the one before.
            if !told.is_empty() {
                break told;
            }
        };
        assert!(told.starts_with(b"HTTP/1.1 408 "), "{}", told.escape_ascii());
    });
}

#[test]
fn too_many_connections_are_refused_and_health_checks_get_through() {
    with_each_driver(|driver| {
        let server = Server::start(driver, &Folder::new(), &["--connections-max", "2"]);
        let _first = Client::upgrade(server.address, "/yjs/a");
        let _second = Client::upgrade(server.address, "/yjs/b");
        let mut third = Client::connect(server.address);
        third.send_raw(&client::upgrade_request("/yjs/c"));
        assert!(third.rest().starts_with(b"HTTP/1.1 503 "));
        assert!(http(server.address, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").contains("ok"));
    });
}

#[test]
fn the_echo_exists_only_where_it_is_asked_for_and_keeps_its_order() {
    with_each_driver(|driver| {
        let server = Server::start(driver, &Folder::new(), &["--conformance"]);
        let mut client = Client::upgrade(server.address, "/echo");
        let large = vec![b'x'; 300_000];
        client.send_frame(0x81, "κόσμε".as_bytes());
        client.send_frame(0x01, b"in ");
        client.send_frame(0x89, b"between");
        client.send_frame(0x80, b"pieces");
        client.send_binary(&large);
        client.send_binary(b"last");
        assert_eq!(client.wait_for_frame(0x81), "κόσμε".as_bytes());
        assert_eq!(client.wait_for_frame(0x81), b"in pieces");
        assert_eq!(client.wait_for_frame(0x82), large);
        assert_eq!(client.wait_for_frame(0x82), b"last");
        client.send_frame(0x81, b"\xce\xba\xed\xa0\x80");
        assert_eq!(client.close_code(), Some(1007));
    });
}

#[test]
fn a_drain_commits_tells_the_clients_and_ends_in_order() {
    with_each_driver(|driver| {
        let folder = Folder::new();
        let mut server = Server::start(driver, &folder, &["--shards", "3"]);
        let mut idle = Client::upgrade(server.address, "/yjs/other");
        let mut writer = Client::upgrade(server.address, "/yjs/kept");
        writer.send_binary(&update_message());
        writer.wait_for(|message| carries(message, UPDATE));
        server.terminate();
        assert_eq!(idle.close_code(), Some(1012));
        assert_eq!(writer.close_code(), Some(1012));
        // Both answer the closing handshake, as clients do.
        idle.send_frame(0x88, &1012_u16.to_be_bytes());
        writer.send_frame(0x88, &1012_u16.to_be_bytes());
        assert_eq!(server.exit_code(), Some(0));

        let server = Server::start(driver, &folder, &["--shards", "5"]);
        assert!(has_update(&server, "kept"));
        assert!(!has_update(&server, "other"));
    });
}

#[test]
fn clients_that_do_not_answer_hold_a_drain_up_no_longer_than_its_time() {
    let args = ["--drain-timeout-ms", "1000", "--close-timeout-ms", "1000"];
    let mut server = Server::start("uring", &Folder::new(), &args);
    let _mute = Client::upgrade(server.address, "/yjs/a");
    server.terminate();
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    with_each_driver(|driver| {
        let folder = Folder::new();
        let mut server = Server::start(driver, &folder, &[]);
        write_update(&server, "a");
        server.kill();
        let server = Server::start(driver, &folder, &[]);
        assert!(has_update(&server, "a"));
    });
}

#[test]
fn a_second_server_fails_and_says_why() {
    let folder = Folder::new();
    let server = Server::start("uring", &folder, &[]);
    let (code, said) = process::fails("uring", &folder, &["--listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("error: data_dir: ") && said.contains(&folder.path().display().to_string()), "{said}");
    assert!(!said.contains("WARN"), "one thing at a time: {said}");

    let other = Folder::new();
    let (code, said) = process::fails("uring", &other, &["--listen", &server.address.to_string()]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("error: listen: ") && said.contains("(--listen)"), "{said}");
    assert!(!other.path().join("data").exists(), "nothing is touched");
}

#[test]
fn the_portable_driver_with_direct_descriptors_is_refused() {
    let (code, said) = process::fails("monoio --descriptors direct", &Folder::new(), &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("error: cannot start the driver: the portable driver has no direct descriptors"), "{said}");
}

/// Clients of the hot document. Few enough for ids of one byte.
const CROWD: u8 = 40;

/// One letter by this client, in a text of its own, as Yjs writes it; and what of it is in every update that holds it.
fn letter(client: u8) -> (Vec<u8>, Vec<u8>) {
    let letter = [4, 1, 2, b't', client, 1, b'x'];
    ([&[1, 1, client, 0], &letter[..], &[0]].concat(), letter.to_vec())
}

/// What a client says of itself, and what of it is in every awareness update that holds it.
fn presence(client: u8, state: &str) -> (Vec<u8>, Vec<u8>) {
    let entry = [&[client, 1, state.len() as u8], state.as_bytes()].concat();
    ([&[1, entry.len() as u8 + 1, 1], &entry[..]].concat(), entry)
}

fn carries_part(message: &[u8], part: &[u8]) -> bool {
    message.windows(part.len()).any(|window| window == part)
}

/// Reads on until every client of the crowd was heard of in each of these ways.
fn hear_of_all(client: &mut Client, clients: std::ops::RangeInclusive<u8>, ways: &[&dyn Fn(u8) -> Vec<u8>]) {
    let mut wanted: Vec<Vec<u8>> = clients.flat_map(|number| ways.iter().map(move |way| way(number))).collect();
    while !wanted.is_empty() {
        let message = client.message();
        wanted.retain(|part| !carries_part(&message, part));
    }
}

#[test]
fn a_hot_document_has_sessions_on_several_cores_and_all_see_everything() {
    with_each_driver(|driver| {
        let folder = Folder::new();
        let args = ["--shards", "4", "--hot-document-sessions", "3", "--log-level", "debug"];
        let mut server = Server::start(driver, &folder, &args);
        let mut clients: Vec<Client> = (1..=CROWD).map(|_| Client::upgrade(server.address, "/yjs/hot")).collect();
        for (number, client) in (1..).zip(&mut clients) {
            let update = letter(number).0;
            client.send_binary(&[&[0, 2, update.len() as u8], &update[..]].concat());
            client.send_binary(&presence(number, "\"here\"").0);
        }
        // Its own letter comes back to each when it is committed.
        for client in &mut clients {
            hear_of_all(client, 1..=CROWD, &[&|number| letter(number).1, &|number| presence(number, "\"here\"").1]);
        }
        let mut last = clients.pop().expect("there is a crowd");
        drop(clients);
        hear_of_all(&mut last, 1..=CROWD - 1, &[&|number| presence(number, "null").1]);
        last.send_binary(SYNC_STEP_1);
        hear_of_all(&mut last, 1..=CROWD, &[&|number| letter(number).1]);

        server.terminate();
        assert_eq!(last.close_code(), Some(1012));
        last.send_frame(0x88, &1012_u16.to_be_bytes());
        let (code, said) = server.end();
        assert_eq!(code, Some(0));
        let mirrored = said.split("sessions_mirrored: ").skip(1).filter(|rest| !rest.starts_with('0')).count();
        assert!(mirrored >= 2, "{mirrored} cores had sessions of it beside its own");
    });
}

#[test]
fn what_a_hot_document_acknowledged_on_other_cores_survives_a_kill() {
    with_each_driver(|driver| {
        let folder = Folder::new();
        let args = ["--shards", "4", "--hot-document-sessions", "1"];
        let mut server = Server::start(driver, &folder, &args);
        let mut clients: Vec<Client> = (1..=CROWD).map(|_| Client::upgrade(server.address, "/yjs/hot")).collect();
        for (number, client) in (1..).zip(&mut clients) {
            let (update, part) = letter(number);
            client.send_binary(&[&[0, 2, update.len() as u8], &update[..]].concat());
            client.wait_for(|message| carries_part(message, &part));
        }
        server.kill();
        let server = Server::start(driver, &folder, &args);
        let mut client = Client::upgrade(server.address, "/yjs/hot");
        client.send_binary(SYNC_STEP_1);
        hear_of_all(&mut client, 1..=CROWD, &[&|number| letter(number).1]);
    });
}

#[test]
fn what_a_drain_stores_of_a_hot_document_its_authors_are_told_before_the_goodbye() {
    with_each_driver(|driver| {
        let folder = Folder::new();
        let args = ["--shards", "4", "--hot-document-sessions", "1"];
        let mut server = Server::start(driver, &folder, &args);
        let mut clients: Vec<Client> = (1..=CROWD).map(|_| Client::upgrade(server.address, "/yjs/hot")).collect();
        for client in &mut clients {
            client.message();
        }
        for (number, client) in (1..).zip(&mut clients) {
            let update = letter(number).0;
            client.send_binary(&[&[0, 2, update.len() as u8], &update[..]].concat());
        }
        server.terminate();
        let mut told = Vec::new();
        for (number, client) in (1..).zip(&mut clients) {
            let (messages, code) = client.messages_to_close();
            assert_eq!(code, Some(1012));
            client.send_frame(0x88, &1012_u16.to_be_bytes());
            if messages.iter().any(|message| carries_part(message, &letter(number).1)) {
                told.push(number);
            }
        }
        assert_eq!(server.exit_code(), Some(0));

        let server = Server::start(driver, &folder, &args);
        let mut client = Client::upgrade(server.address, "/yjs/hot");
        client.send_binary(SYNC_STEP_1);
        let stored = client.wait_for(|message| message.starts_with(&[0, 1]));
        let stored: Vec<u8> = (1..=CROWD).filter(|&number| carries_part(&stored, &letter(number).1)).collect();
        assert_eq!(told, stored, "what is stored is acknowledged, and what is acknowledged is stored");
    });
}

#[test]
fn each_core_says_what_it_has_counted_when_it_is_asked() {
    with_each_driver(|driver| {
        let folder = Folder::new();
        let mut server = Server::start(driver, &folder, &["--shards", "2"]);
        let mut client = Client::upgrade(server.address, "/yjs/counted");
        client.wait_for(|message| message.starts_with(&[0, 0]));
        // They are laid out four times in a second: this one is among them at some time, and nothing else ends the asking.
        while !server.counters(2).iter().any(|line| line.contains(" sessions: 1,") && line.contains(" turns: ")) {}
        server.kill();
    });
}
