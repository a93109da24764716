//! Who is let in, over loopback, with the built binary: a table of attempts to get in without being allowed to, what those may do who
//! are, and keys and revocations that change while the server runs.

#[path = "auth/attempts.rs"]
mod attempts;
#[path = "server/client.rs"]
#[allow(dead_code, reason = "shared with tests that need more of it")]
mod client;
#[path = "auth/document_attempts.rs"]
mod document_attempts;
#[path = "auth/forge.rs"]
mod forge;
#[path = "auth/issuer.rs"]
mod issuer;
#[path = "server/process.rs"]
#[allow(dead_code, reason = "shared with tests that need more of it")]
mod process;

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Output};

use attempts::{End, OTHER_NAME, REVOKED, TARGET, TARGET_NAME, attempts};
use client::{Client, frame, with_headers};
use document_attempts::{Answer, PROBE_NAME, about, authentication, document_attempts, message};
use forge::{AUDIENCE, ISSUER, Keys, SECRET, Signed, by_secret, claims, now, token, until};
use issuer::Issuer;
use process::{Folder, Server};

/// `h` written at the start of the text `t` by client 7, as Yjs writes it: what the tenant has written.
const OWN: &[u8] = b"\x01\x01\x07\x00\x04\x01\x01t\x01h\x00";

/// `x` written by client 66: what nobody but the tenant may write.
const FOREIGN: &[u8] = b"\x01\x01\x42\x00\x04\x01\x01t\x01x\x00";

/// What is in every update that holds it.
const FOREIGN_PART: &[u8] = b"\x04\x01\x01t\x01x";

/// The same of what the tenant has written.
const OWN_PART: &[u8] = b"\x04\x01\x01t\x01h";

/// Deletes what the tenant has written.
const DELETION: &[u8] = b"\x00\x01\x07\x01\x00\x01";

/// A SyncStep1 of a client that has nothing.
const SYNC_STEP_1: &[u8] = &[0, 0, 1, 0];

fn sync(kind: u8, update: &[u8]) -> Vec<u8> {
    [&[0, kind, update.len() as u8], update].concat()
}

fn has(message: &[u8], part: &[u8]) -> bool {
    message.windows(part.len()).any(|window| window == part)
}

/// The reason, where a message says that permission is denied.
fn denied(message: &[u8]) -> Option<&str> {
    let [2, 0, length, reason @ ..] = message else { return None };
    (reason.len() == usize::from(*length)).then(|| std::str::from_utf8(reason).expect("reasons are text"))
}

/// A server with a secret, three public keys and a list of who is revoked.
struct Fixture {
    folder: Folder,
    keys: Keys,
    server: Server,
}

impl Fixture {
    fn start(arguments: &[&str]) -> Self {
        let (folder, keys) = (Folder::new(), Keys::generate());
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            fs::write(&path, content).expect("the folder can be written");
            path.display().to_string()
        };
        let secret = file("secret", &format!("{SECRET}\n"));
        let public = file("keys.json", &keys.set(""));
        let revoked = file("revoked", &format!("{REVOKED}\n"));
        let own = [
            "--auth-secret-file",
            &secret,
            "--auth-keys-file",
            &public,
            "--auth-revoked-file",
            &revoked,
            "--auth-audience",
            AUDIENCE,
            "--auth-issuer",
            ISSUER,
            "--auth-leeway-ms",
            "0",
            // Hundreds of attempts from one address: tests/limits.rs is about those.
            "--login-failures-max",
            "0",
            "--connections-per-address-per-second-max",
            "0",
        ];
        let server = Server::start("uring", &folder, &[&own, arguments].concat());
        Self { folder, keys, server }
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.folder.path().join(name), content).expect("the folder can be written");
    }

    fn address(&self) -> SocketAddr {
        self.server.address
    }
}

fn open(address: SocketAddr, path: &str, token: &str) -> Client {
    let mut client = Client::connect(address);
    client.send_raw(&with_headers(&format!("{path}?token={token}"), ""));
    client.expect_upgrade();
    client
}

/// The code with which a connection is closed that gets no session.
fn refusal(address: SocketAddr, path: &str, token: &str) -> u16 {
    let mut client = open(address, path, token);
    let (messages, code) = client.messages_to_close();
    assert!(messages.iter().all(|message| denied(message).is_some()), "{messages:02x?}");
    code.expect("a Close frame")
}

/// Everything that a document holds, in one answer.
fn content(address: SocketAddr, path: &str, token: &str) -> Vec<u8> {
    let mut client = open(address, path, token);
    client.send_binary(SYNC_STEP_1);
    client.wait_for(|message| message.starts_with(&[0, 1]))
}

#[test]
fn no_attempt_gets_a_session_and_the_document_stays_as_it_was() {
    let elsewhere = Issuer::start((200, String::new()));
    // Several cores, so that requests travel.
    let fixture = Fixture::start(&["--shards", "3"]);
    let address = fixture.address();
    let legitimate = by_secret(&claims("user-1", "tenant-a/*", "write"));
    let mut owner = open(address, TARGET, &legitimate);
    owner.send_binary(&sync(2, OWN));
    owner.wait_for(|message| has(message, OWN));
    let before = content(address, TARGET, &legitimate);

    let table = attempts(&fixture.keys, &Keys::generate(), elsewhere.address.port());
    assert!(table.len() >= 60, "{} attempts", table.len());
    for (number, attempt) in (1..).zip(&table) {
        let shown = format!("attempt {number}: {}", attempt.name);
        let mut client = Client::connect(address);
        // Whoever tries sends at once what a session would take.
        client.send_raw(&[&attempt.request[..], &frame(0x82, SYNC_STEP_1), &frame(0x82, &sync(2, FOREIGN))].concat());
        match attempt.end {
            End::Status(status) => {
                let head = client.head();
                assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{shown}: {head}");
            }
            End::Closed(code) => {
                let head = client.head();
                assert!(head.starts_with("HTTP/1.1 101 "), "{shown}: {head}");
                let (messages, closed) = client.messages_to_close();
                assert_eq!(closed, Some(code), "{shown}: {messages:02x?}");
                assert_eq!(messages.len(), 1, "{shown}: {messages:02x?}");
                let reason = denied(&messages[0]).unwrap_or_else(|| panic!("{shown}: {messages:02x?}"));
                assert!(!reason.is_empty() && !reason.contains("eyJ"), "{shown}: {reason}");
            }
        }
        if number % 16 == 0 {
            assert_eq!(content(address, TARGET, &legitimate), before, "{shown}");
        }
    }
    println!("{} attempts", table.len());
    assert_eq!(elsewhere.requests(), 0, "addresses in tokens are not followed");

    // The tenant was there all the time, and has seen nothing.
    let reader = by_secret(&claims("user-3", TARGET_NAME, "read"));
    assert_eq!(content(address, TARGET, &reader), before);
    owner.send_binary(SYNC_STEP_1);
    let answer = owner.wait_for(|message| {
        assert!(!has(message, FOREIGN_PART), "{message:02x?}");
        message.starts_with(&[0, 1])
    });
    assert_eq!(answer, before);
}

/// What comes for one connection of the Hocuspocus dialect, up to the answer to a probe that was sent last, or to its end.
fn heard_up_to_probe(client: &mut Client, shown: &str) -> (Vec<Vec<u8>>, Option<u16>) {
    let probed = message(PROBE_NAME, &[0, 1]);
    let mut heard = Vec::new();
    loop {
        match client.next_frame() {
            Some((0x82, payload)) if payload.starts_with(&probed) => return (heard, None),
            Some((0x82, payload)) => heard.push(payload),
            Some((0x88, payload)) => return (heard, payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
            Some(_) => {}
            None => panic!("{shown}: the end without a word"),
        }
    }
}

#[test]
fn no_message_about_a_document_gets_past_its_token() {
    let fixture = Fixture::start(&["--shards", "3", "--compression=true"]);
    let address = fixture.address();
    let legitimate = by_secret(&claims("user-1", "tenant-a/*", "write"));
    let mut owner = Client::upgrade(address, "/hocuspocus");
    owner.send_raw(&authentication(TARGET_NAME, &legitimate));
    owner.send_raw(&about(TARGET_NAME, &sync(2, OWN)));
    owner.wait_for(|it| it == message(TARGET_NAME, &[8, 1]));
    let before = content(address, TARGET, &legitimate);
    assert!(has(&before, OWN_PART));

    let table = document_attempts(FOREIGN, DELETION);
    assert!(table.len() >= 40, "{} attempts", table.len());
    let probe = [
        authentication(PROBE_NAME, &by_secret(&claims("user-2", "tenant-b/*", "write"))),
        about(PROBE_NAME, SYNC_STEP_1),
    ];
    for (number, attempt) in (1..).zip(&table) {
        let shown = format!("attempt {number}: {}", attempt.name);
        let mut client = Client::connect(address);
        client.send_raw(&with_headers("/hocuspocus", "Sec-WebSocket-Extensions: permessage-deflate\r\n"));
        client.expect_upgrade();
        client.send_raw(&[&attempt.bytes[..], &probe.concat()].concat());
        let (heard, code) = heard_up_to_probe(&mut client, &shown);
        match &attempt.answer {
            Answer::Told(address, begin) => {
                let begin = message(address, begin);
                assert_eq!(code, None, "{shown}");
                assert!(heard.iter().any(|it| it.starts_with(&begin)), "{shown}: {heard:02x?}");
            }
            Answer::Nothing => assert_eq!(code, None, "{shown}: {heard:02x?}"),
            Answer::Closed(expected) => assert_eq!(code, Some(*expected), "{shown}: {heard:02x?}"),
        }
        let of_target = |it: &&Vec<u8>| has(&it[..it.len().min(1 + TARGET_NAME.len())], TARGET_NAME.as_bytes());
        for message in heard.iter().filter(of_target) {
            assert!(
                !has(message, FOREIGN_PART) && (attempt.reads || !has(message, OWN_PART)),
                "{shown}: {message:02x?}"
            );
        }
        if number % 8 == 0 || attempt.reads {
            assert_eq!(content(address, TARGET, &legitimate), before, "{shown}");
        }
    }
    println!("{} attempts", table.len());

    // The token that ends while the connection is there.
    let short = by_secret(&until(now() + 5, "user-1", "tenant-a/*", "write"));
    let mut client = Client::upgrade(address, "/hocuspocus");
    client.send_raw(&[authentication(TARGET_NAME, &short), probe.concat()].concat());
    client.wait_for(|it| it.starts_with(&message(TARGET_NAME, &[7])));
    client.send_raw(&[about(TARGET_NAME, &sync(2, FOREIGN)), probe.concat()].concat());
    assert_eq!(heard_up_to_probe(&mut client, "expired").1, None);

    // The tenant was there all the time, has seen nothing, and goes on.
    assert_eq!(content(address, TARGET, &legitimate), before);
    owner.send_raw(&about(TARGET_NAME, SYNC_STEP_1));
    let answer = owner.wait_for(|it| {
        assert!(!has(it, FOREIGN_PART), "{it:02x?}");
        it.starts_with(&message(TARGET_NAME, &[0, 1]))
    });
    assert!(answer.ends_with(&before));
}

#[test]
fn good_tokens_are_taken_from_every_place_and_by_every_key() {
    let fixture = Fixture::start(&[]);
    let address = fixture.address();
    let (good, keys) = (claims("user-1", "tenant-a/*", "write"), &fixture.keys);
    let tokens = [
        by_secret(&good),
        token(r#"{"alg":"HS256","kid":"whatever"}"#, &good, Signed::Hmac(SECRET.as_bytes())),
        token(r#"{"alg":"RS256","kid":"rsa"}"#, &good, Signed::Rsa(keys)),
        token(r#"{"alg":"ES256","kid":"ec"}"#, &good, Signed::Ec(keys)),
        token(r#"{"alg":"EdDSA","kid":"ed","jku":"http://127.0.0.1:1/"}"#, &good, Signed::Ed(keys)),
        token(r#"{"alg":"EdDSA"}"#, &good, Signed::Ed(keys)),
    ];
    for token in &tokens {
        let places = [
            (with_headers(&format!("{TARGET}?token={token}"), ""), false),
            (with_headers(&format!("{TARGET}?a=b&token={}&c", token.replace('.', "%2E")), ""), false),
            (with_headers(TARGET, &format!("Authorization: Bearer {token}\r\n")), false),
            (with_headers(TARGET, &format!("Sec-WebSocket-Protocol: bearer, {token}\r\n")), true),
        ];
        for (request, selects) in places {
            let mut client = Client::connect(address);
            client.send_raw(&request);
            let head = client.expect_upgrade();
            assert_eq!(head.contains("Sec-WebSocket-Protocol: bearer\r\n"), selects, "{head}");
            assert!(!head.contains(token.as_str()), "{head}");
            assert_eq!(client.message(), SYNC_STEP_1);
        }
    }
    // Names of documents are opaque: what looks like a way up is a document of one's own.
    let own = by_secret(&claims("user-2", "tenant-b/*", "write"));
    let mut client = open(address, "/yjs/tenant-b%2F..%2Ftenant-a%2Fplan", &own);
    client.send_binary(&sync(2, FOREIGN));
    client.wait_for(|message| has(message, FOREIGN_PART));
    assert!(!has(&content(address, TARGET, &tokens[0]), FOREIGN_PART));
}

#[test]
fn who_may_not_write_is_told_so_whatever_way_it_is_tried() {
    let fixture = Fixture::start(&[]);
    let address = fixture.address();
    let writer = by_secret(&claims("user-1", "tenant-a/*", "write"));
    let mut owner = open(address, TARGET, &writer);
    owner.send_binary(&sync(2, OWN));
    owner.wait_for(|message| has(message, OWN));
    let before = content(address, TARGET, &writer);

    let update = sync(2, FOREIGN);
    let (first, rest) = update.split_at(5);
    let both = [b"\x02\x01\x42\x00\x04\x01\x01t\x01x".as_slice(), &OWN[1..]].concat();
    let ways: [(&str, Vec<u8>); 7] = [
        ("an Update", frame(0x82, &update)),
        ("a SyncStep2", frame(0x82, &sync(1, FOREIGN))),
        ("an Update in pieces", [frame(0x02, first), frame(0x80, rest)].concat()),
        ("an Update and a ping", [frame(0x89, b""), frame(0x82, &update)].concat()),
        ("a deletion as an Update", frame(0x82, &sync(2, DELETION))),
        ("a deletion as a SyncStep2", frame(0x82, &sync(1, DELETION))),
        ("something new beside what is known", frame(0x82, &sync(2, &both))),
    ];
    for (first_client, right) in [(10, "read"), (30, "comment")] {
        let reader = by_secret(&claims("user-2", TARGET_NAME, right));
        for (number, (name, bytes)) in (first_client..).zip(&ways) {
            let mut client = open(address, TARGET, &reader);
            assert!(client.message().starts_with(&[0, 0]));
            client.send_raw(bytes);
            let reason = client.wait_for(|message| denied(message).is_some());
            assert!(denied(&reason).is_some_and(|reason| reason.contains("not change")), "{right}: {name}");
            // It still reads, and is seen.
            client.send_binary(SYNC_STEP_1);
            assert_eq!(client.wait_for(|message| message.starts_with(&[0, 1])), before, "{right}: {name}");
            let state = [number, 1, 2, b'{', b'}'];
            client.send_binary(&[&[1, 6, 1], &state[..]].concat());
            owner.wait_for(|message| {
                assert!(!has(message, FOREIGN_PART), "{right}: {name}");
                has(message, &state)
            });
        }
    }
    assert_eq!(content(address, TARGET, &writer), before);
    // The higher of two rights counts.
    let documents = r#"{"*":"read","tenant-a/plan":"write","tenant-a/*":"comment"}"#;
    let both = format!(
        r#"{{"sub":"user-3","exp":{},"aud":"{AUDIENCE}","iss":"{ISSUER}","selvedge.documents":{documents}}}"#,
        now() + 60
    );
    let mut client = open(address, TARGET, &by_secret(&both));
    client.send_binary(&sync(2, FOREIGN));
    client.wait_for(|message| has(message, FOREIGN_PART));
}

#[test]
fn a_connection_ends_with_its_token_and_nothing_counts_after_that() {
    let fixture = Fixture::start(&["--shards", "3"]);
    let address = fixture.address();
    let lasting = by_secret(&until(253_402_300_799, "user-1", "tenant-a/*", "write"));
    let mut witness = open(address, TARGET, &lasting);
    let short = by_secret(&until(now() + 5, "user-1", "tenant-a/*", "write"));
    let mut client = open(address, TARGET, &short);
    assert_eq!(client.message(), SYNC_STEP_1);
    let (_, code) = client.messages_to_close();
    assert_eq!(code, Some(4401));
    client.send_binary(&sync(2, FOREIGN));
    client.send_frame(0x88, &4401_u16.to_be_bytes());
    assert!(client.is_at_end());
    assert_eq!(refusal(address, TARGET, &short), 4401);
    // What a session still sent would have come before the answer.
    witness.send_binary(SYNC_STEP_1);
    witness.wait_for(|message| {
        assert!(!has(message, FOREIGN_PART));
        message.starts_with(&[0, 1])
    });
}

#[test]
fn who_is_revoked_goes_and_does_not_come_back() {
    let fixture = Fixture::start(&["--shards", "3"]);
    let address = fixture.address();
    let of = |subject: &str, document: &str| by_secret(&claims(subject, document, "write"));
    let mut witness = open(address, TARGET, &of("user-1", "*"));
    assert_eq!(witness.message(), SYNC_STEP_1);
    let paths = ["/yjs/a", "/yjs/b", "/yjs/c", "/yjs/d", TARGET];
    let mut sessions: Vec<Client> = paths.iter().map(|path| open(address, path, &of("user-9", "*"))).collect();
    for client in &mut sessions {
        assert_eq!(client.message(), SYNC_STEP_1);
    }
    fixture.write("revoked", &format!("{REVOKED}\nuser-9\n"));
    for client in &mut sessions {
        assert_eq!(client.close_code(), Some(4401));
        client.send_binary(&sync(2, FOREIGN));
    }
    let good = claims("user-9", "*", "write");
    for token in [of("user-9", "*"), token(r#"{"alg":"ES256","kid":"ec"}"#, &good, Signed::Ec(&fixture.keys))] {
        assert_eq!(refusal(address, TARGET, &token), 4401);
    }
    assert!(!has(&content(address, TARGET, &of("user-1", "*")), FOREIGN_PART));
    witness.send_binary(&sync(2, OWN));
    witness.wait_for(|message| has(message, OWN));

    // A list that cannot be read leaves the one that was.
    fixture.write("revoked", "user-1\n\u{7}\n");
    fixture.write("secret", "too short\n");
    assert_eq!(refusal(address, TARGET, &of("user-9", "*")), 4401);
    // Taken off the list again, and with it everything that is not there any more.
    fixture.write("revoked", "");
    until_admitted(address, &of("user-9", "*"), 4401);
    assert_eq!(content(address, TARGET, &of("user-1", "*")), content(address, TARGET, &of("user-9", "*")));
}

#[test]
fn a_document_whose_token_was_renewed_outlives_the_token_of_its_request() {
    let fixture = Fixture::start(&["--shards", "3"]);
    let address = fixture.address();
    let short = by_secret(&until(now() + 5, "user-1", "*", "write"));
    let lasting = by_secret(&until(253_402_300_799, "user-1", "*", "write"));
    let mut client = open(address, "/hocuspocus", &short);
    let authentication = [&[2, 0, lasting.len() as u8 | 0x80, (lasting.len() >> 7) as u8], lasting.as_bytes()].concat();
    client.send_binary(&[b"\x01a", &authentication[..]].concat());
    client.wait_for(|message| message.ends_with(b"read-write"));
    // The token of the request is over; then somebody else is revoked, for which all connections are looked at.
    assert_eq!(open(address, TARGET, &short).close_code(), Some(4401));
    let mut revoked = open(address, TARGET, &by_secret(&claims("user-9", "*", "write")));
    fixture.write("revoked", &format!("{REVOKED}\nuser-9\n"));
    assert_eq!(revoked.close_code(), Some(4401));
    client.send_binary(&[b"\x01a\x00", &SYNC_STEP_1[1..]].concat());
    client.wait_for(|message| message.starts_with(b"\x01a\x00\x01"));
    // And of who is revoked nothing is left, whatever token its documents have.
    fixture.write("revoked", &format!("{REVOKED}\nuser-1\n"));
    assert_eq!(client.close_code(), Some(4401));
}

#[test]
fn the_echo_ends_with_its_token_too() {
    let fixture = Fixture::start(&["--conformance"]);
    let mut client = open(fixture.address(), "/echo", &by_secret(&until(now() + 5, "user-1", "*", "write")));
    client.send_binary(b"echo");
    assert_eq!(client.message(), b"echo");
    assert_eq!(client.close_code(), Some(4401));
}

/// Asks again and again, as clients do, until there is a session; every refusal before that has this code.
fn until_admitted(address: SocketAddr, token: &str, code: u16) -> Client {
    loop {
        let mut client = open(address, TARGET, token);
        client.send_binary(SYNC_STEP_1);
        let first = client.message();
        if denied(&first).is_none() {
            return client;
        }
        assert_eq!(client.close_code(), Some(code), "{first:02x?}");
    }
}

#[test]
fn a_key_that_changes_in_its_file_holds_without_a_restart() {
    let fixture = Fixture::start(&[]);
    let address = fixture.address();
    let good = claims("user-1", "*", "write");
    let others = Keys::generate();
    let new = token(r#"{"alg":"RS256","kid":"rsa"}"#, &good, Signed::Rsa(&others));
    let old = token(r#"{"alg":"RS256","kid":"rsa"}"#, &good, Signed::Rsa(&fixture.keys));
    let mut session = open(address, TARGET, &old);
    assert_eq!(refusal(address, TARGET, &new), 4401);
    fixture.write("keys.json", &others.set(""));
    until_admitted(address, &new, 4401);
    assert_eq!(refusal(address, TARGET, &old), 4401);
    // What was granted stays granted until it is over.
    session.send_binary(&sync(2, OWN));
    session.wait_for(|message| has(message, OWN));
}

#[test]
fn published_keys_rotate_by_name_and_nobody_is_sent_away_for_good_meanwhile() {
    let (first, second) = (Keys::generate(), Keys::generate());
    let good = claims("user-1", "*", "write");
    let by = |keys: &Keys, id: &str| {
        let named = format!(r#"{{"alg":"ES256","kid":"{id}"}}"#);
        token(&named, &good, Signed::Ec(keys))
    };
    let issuer = Issuer::start((503, "not now".into()));
    let folder = Folder::new();
    let url = issuer.url();
    let server = Server::start(
        "uring",
        &folder,
        &["--auth-jwks-url", &url, "--connections-per-address-per-second-max", "0", "--login-failures-max", "0"],
    );
    let address = server.address;
    assert_eq!(refusal(address, TARGET, &by(&first, "ec-1")), 1013, "keys are not known yet");
    assert_eq!(refusal(address, TARGET, "nonsense"), 4401, "whatever the keys may be");

    // With a secret, which nobody may publish, and a key for something else.
    let secret = forge::base64url(SECRET.as_bytes());
    let junk =
        format!(r#"{{"kty":"oct","k":"{secret}"}},{{"kty":"RSA","use":"enc","kid":"e"}},{{"kty":"new","kid":"n"}}"#);
    issuer.publish((200, first.set("-1").replacen('[', &format!("[{junk},"), 1)));
    until_admitted(address, &by(&first, "ec-1"), 1013);
    assert_eq!(refusal(address, TARGET, &by_secret(&good)), 4401, "a published secret is none");
    assert_eq!(refusal(address, TARGET, &by(&second, "ec-1")), 4401);

    // The new key comes beside the old one; nobody is told before a token names it.
    let sets = format!(r#"{{"keys":[{},{}]}}"#, first.ec_jwk("ec-1"), second.ec_jwk("ec-2"));
    issuer.publish((200, sets));
    let mut session = until_admitted(address, &by(&second, "ec-2"), 1013);
    until_admitted(address, &by(&first, "ec-1"), 1013);

    // What cannot be taken leaves what is known. A name that the issuer does not have is told so once it was asked.
    issuer.publish((200, r#"{"keys":[]}"#.into()));
    let before = issuer.requests();
    assert_eq!(refusal(address, TARGET, &by(&second, "made-up")), 1013);
    while issuer.requests() == before {
        assert_eq!(refusal(address, TARGET, &by(&second, "made-up")), 1013);
    }
    until_admitted(address, &by(&second, "ec-2"), 1013);
    issuer.publish((200, second.set("-2")));
    while refusal(address, TARGET, &by(&second, "made-up")) == 1013 {}
    assert_eq!(refusal(address, TARGET, &by(&second, "made-up")), 4401);
    assert_eq!(refusal(address, TARGET, &by(&first, "ec-1")), 1013, "a name that is gone is asked for once more");
    session.send_binary(&sync(2, OWN));
    session.wait_for(|message| has(message, OWN));
}

#[test]
fn keys_are_fetched_from_nowhere_else() {
    let strangers = Keys::generate();
    let stranger = Issuer::start((200, strangers.set("")));
    let issuer = Issuer::start((302, stranger.url()));
    let folder = Folder::new();
    let server = Server::start(
        "uring",
        &folder,
        &[
            "--auth-jwks-url",
            &issuer.url(),
            "--connections-per-address-per-second-max",
            "0",
            "--login-failures-max",
            "0",
        ],
    );
    let good = claims("user-1", "*", "write");
    let forged = token(r#"{"alg":"ES256","kid":"ec"}"#, &good, Signed::Ec(&strangers));
    while issuer.requests() < 2 {
        assert_eq!(refusal(server.address, TARGET, &forged), 1013);
    }
    assert_eq!(stranger.requests(), 0, "redirects are not followed");
}

#[test]
fn keys_come_encrypted_from_an_issuer_whose_certificate_the_machine_trusts() {
    let keys = Keys::generate();
    let good = token(r#"{"alg":"EdDSA","kid":"ed"}"#, &claims("user-1", "*", "write"), Signed::Ed(&keys));
    let issuer = Issuer::start_encrypted((200, keys.set("")));
    let folder = Folder::new();
    let authorities = folder.path().join("authorities.pem");
    fs::write(&authorities, issuer.certificate()).expect("the folder can be written");
    let authorities = authorities.display().to_string();
    let url = issuer.url();
    let start = |authorities| {
        let folder = Folder::new();
        let unlimited = ["--connections-per-address-per-second-max", "0", "--login-failures-max", "0"];
        let arguments = [&["--auth-jwks-url", url.as_str()], &unlimited[..]].concat();
        Server::start_in("uring", &folder, &arguments, &[("SSL_CERT_FILE", authorities)])
    };
    until_admitted(start(&authorities).address, &good, 1013);

    let other = Issuer::start_encrypted((200, String::new()));
    fs::write(&authorities, other.certificate()).expect("the folder can be written");
    let (suspicious, before) = (start(&authorities), issuer.requests());
    while issuer.requests() < before + 2 {
        assert_eq!(refusal(suspicious.address, TARGET, &good), 1013);
    }
}

#[test]
fn nothing_of_a_token_is_in_the_log() {
    let mut fixture = Fixture::start(&["--log-level", "trace", "--shards", "2"]);
    let address = fixture.address();
    let good = by_secret(&claims("user-1", "tenant-a/*", "write"));
    let bad = by_secret(&claims("user-1", OTHER_NAME, "write"));
    let secret = "query-parameters-are-nobodys-business";
    open(address, &format!("{TARGET}?secret={secret}&a=b"), "").close_code();
    for (path, token) in [(TARGET, &good), (TARGET, &bad)] {
        let request = with_headers(&format!("{path}?token={token}&secret={secret}"), "");
        let mut client = Client::connect(address);
        client.send_raw(&request);
        client.expect_upgrade();
        client.message();
        for header in ["Authorization: Bearer", "Sec-WebSocket-Protocol: bearer,"] {
            let mut client = Client::connect(address);
            client.send_raw(&with_headers(path, &format!("{header} {token}\r\n")));
            client.expect_upgrade();
            client.message();
        }
    }
    let refused = client::http(address, format!("GET /yjs/%00?token={good} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    assert!(refused.starts_with("HTTP/1.1 400 "));
    fixture.server.terminate();
    let (code, said) = fixture.server.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("not let in"), "refusals are in it: {said}");
    let parts = good.split('.').chain(bad.split('.')).chain([secret, SECRET, "token="]);
    for part in parts {
        assert!(!said.contains(part), "{part} is in {said}");
        assert!(!refused.contains(part), "{part} is in {refused}");
    }
}

#[test]
fn without_keys_a_server_that_others_reach_does_not_start() {
    let folder = Folder::new();
    let (code, said) = process::fails("uring", &folder, &["--listen", "0.0.0.0:0"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("error: listen = 0.0.0.0:0: whoever reaches this address"), "{said}");
    assert!(!folder.path().join("data").exists(), "nothing is touched");
    let (code, said) = process::fails("uring", &folder, &["--auth", "jwt"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("error: auth = jwt: there are no keys"), "{said}");
    let (code, said) = process::fails("uring", &folder, &["--auth-jwks-url", "http://issuer.example/"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("not an https address, nor an http address of this machine"), "{said}");
    // Loopback in all its forms is served without; none is said to be wanted.
    for listen in ["[::1]:0", "127.9.9.9:0"] {
        Server::start("uring", &Folder::new(), &["--listen", listen]);
    }
    // As if nobody cared for tokens, they may be there all the same.
    let server = Server::start("uring", &Folder::new(), &["--auth", "none"]);
    let mut client = open(server.address, TARGET, "a&token=b");
    assert_eq!(client.message(), SYNC_STEP_1);
}

fn selvedge(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
    for (variable, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SELVEDGE_")) {
        command.env_remove(variable);
    }
    command.args(arguments).output().expect("the binary was built")
}

#[test]
fn tokens_that_are_made_here_are_taken_here() {
    let fixture = Fixture::start(&[]);
    let file = |name: &str| fixture.folder.path().join(name).display().to_string();
    for (name, pem) in [("rsa", &fixture.keys.rsa), ("ec", &fixture.keys.ec), ("ed", &fixture.keys.ed)]
        .map(|(name, key)| (name, key.serialize_pem()))
    {
        fixture.write(&format!("{name}.pem"), &pem);
    }
    let secret = file("secret");
    let common =
        ["token", "--sub", "user-1", "--audience", AUDIENCE, "--issuer", ISSUER, "--document", "tenant-a/*=write"];
    let keys = [("rsa", file("rsa.pem")), ("ec", file("ec.pem")), ("ed", file("ed.pem"))];
    let mut signers = vec![vec!["--auth-secret-file", &secret]];
    signers.extend(keys.iter().map(|(id, path)| vec!["--key", path, "--kid", id]));
    for signer in signers {
        let output = selvedge(&[&common[..], &signer, &["--document", "other=read", "--ttl", "15m"]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty());
        let token = String::from_utf8(output.stdout).expect("tokens are text");
        let token = token.strip_suffix('\n').expect("a line");
        let mut client = open(fixture.address(), TARGET, token);
        assert_eq!(client.message(), SYNC_STEP_1, "{signer:?}");
        assert_eq!(refusal(fixture.address(), "/yjs/third", token), 4403);
    }
    // The names that the server has are those of its settings.
    let settings = ["--auth-secret-file", &secret, "--auth-audience", AUDIENCE, "--auth-issuer", ISSUER];
    let output = selvedge(&[&settings[..], &["token", "--sub", "user-1", "--document", "*=read"]].concat());
    let token = String::from_utf8(output.stdout).expect("tokens are text");
    assert_eq!(open(fixture.address(), TARGET, token.trim_end()).message(), SYNC_STEP_1);

    let public = file("keys.json");
    for (arguments, said) in [
        (vec!["--document", "a=write"], "there is nothing to sign with"),
        (vec!["--document", "a=admin"], "no such right: \"admin\"; there are read, comment and write"),
        (vec!["--document", "a"], "no right"),
        (vec!["--ttl", "soon"], "such as 90s, 15m, 1h"),
        (vec!["--ttl", "0s", "--auth-secret-file", &secret], "--ttl: at least one second"),
        (vec!["--ttl", "100000years", "--auth-secret-file", &secret], "--ttl: at least one second"),
        (
            vec!["--document", "a=read", "--document", "a=write", "--auth-secret-file", &secret],
            "two rights are given for \"a\"",
        ),
        (vec!["--key", "/nowhere"], "/nowhere: cannot be read"),
        (vec!["--key", &public], "not a private key in PEM"),
        (vec!["--key", &secret], "not a private key in PEM"),
        (vec!["--kid", "", "--auth-secret-file", &secret], "--kid: a key's name"),
    ] {
        let output = selvedge(&[&["token", "--sub", "user-1"], &arguments[..]].concat());
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(said) && output.stdout.is_empty(), "{arguments:?}: {error}");
    }
    assert!(String::from_utf8_lossy(&selvedge(&["token"]).stderr).contains("--sub"));
    for (rights, warning) in [(&[][..], "opens nothing"), (&["--admin"], ""), (&["--document", "a=read"], "")] {
        let output = selvedge(&[&["token", "--sub", "user-1", "--auth-secret-file", &secret], rights].concat());
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !output.stdout.is_empty(), "{rights:?}: {error}");
        assert_eq!(error.contains(warning), !warning.is_empty() || error.is_empty(), "{rights:?}: {error}");
    }
}
