//! The table of the Hocuspocus dialect: attempts to read or change [`TARGET_NAME`] through a socket on which anybody may say anything, with
//! tokens for other documents, for reading only, or none. Each is what is sent behind the upgrade, and what has to come back.

use super::attempts::{REVOKED, TARGET_NAME};
use super::client::frame;
use super::forge::{AUDIENCE, ISSUER, SECRET, Signed, base64url, by_secret, claims, now, token, until};

/// A document of the attackers' own, and the one through which it is seen that they were heard.
pub(crate) const OWN_NAME: &str = "tenant-b/plan";
pub(crate) const PROBE_NAME: &str = "tenant-b/probe";

/// What has to come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A message for this address that begins like this.
    Told(String, &'static [u8]),
    /// Nothing about the target.
    Nothing,
    /// The end of the connection.
    Closed(u16),
}

pub(crate) struct DocumentAttempt {
    pub(crate) name: String,
    /// Behind the upgrade.
    pub(crate) bytes: Vec<u8>,
    pub(crate) answer: Answer,
    /// The target may be read in it.
    pub(crate) reads: bool,
}

const DENIED: &[u8] = &[2, 1];
const CLOSED: &[u8] = &[7];
const REFUSED: &[u8] = &[8, 0];

/// A SyncStep1 of a client that has nothing.
pub(crate) const SYNC_STEP_1: &[u8] = &[0, 0, 1, 0];

/// Text as lib0 writes it.
fn text(text: &[u8]) -> Vec<u8> {
    let length = text.len();
    let mut bytes = match length {
        0..=127 => vec![length as u8],
        _ => vec![length as u8 & 127 | 128, (length >> 7) as u8],
    };
    bytes.extend_from_slice(text);
    bytes
}

/// A message about a document.
pub(crate) fn message(address: &str, body: &[u8]) -> Vec<u8> {
    [&text(address.as_bytes()), body].concat()
}

/// The same in a frame.
pub(crate) fn about(address: &str, body: &[u8]) -> Vec<u8> {
    frame(0x82, &message(address, body))
}

pub(crate) fn authentication(address: &str, token: &str) -> Vec<u8> {
    about(address, &[&[2, 0], &*text(token.as_bytes()), &text(b"4.8.0")].concat())
}

/// `foreign` is an update that must not get in, `deletion` one that deletes what is there.
pub(crate) fn document_attempts(foreign: &[u8], deletion: &[u8]) -> Vec<DocumentAttempt> {
    let target = TARGET_NAME;
    let own = by_secret(&claims("user-2", "tenant-b/*", "write"));
    let reader = by_secret(&claims("user-3", target, "read"));
    let commenter = by_secret(&claims("user-4", target, "comment"));
    let writer = by_secret(&claims("user-1", "tenant-a/*", "write"));
    let sync = |message_type: u8, kind: u8, update: &[u8]| [&[message_type, kind], &*text(update)].concat();
    let update = sync(0, 2, foreign);
    let awareness = [1, 6, 1, 66, 1, 2, b'{', b'}'];
    let told = |address: &str, begin| Answer::Told(address.to_owned(), begin);
    let denied = || told(target, DENIED);

    let mut table = Vec::new();
    let mut row = |name: String, parts: &[Vec<u8>], answer: Answer, reads: bool| {
        table.push(DocumentAttempt { name, bytes: parts.concat(), answer, reads });
    };

    // ---- every kind of message, without a token ----
    let kinds: [(&str, Vec<u8>); 11] = [
        ("a SyncStep1", SYNC_STEP_1.to_vec()),
        ("an Update", update.clone()),
        ("a SyncStep2", sync(0, 1, foreign)),
        ("a SyncStep1 as a reply", [4, 0, 1, 0].to_vec()),
        ("an Update as a reply", sync(4, 2, foreign)),
        ("a SyncStep2 as a reply", sync(4, 1, foreign)),
        ("awareness", awareness.to_vec()),
        ("a question for awareness", vec![3]),
        ("a stateless message", b"\x05\x01x".to_vec()),
        ("a SyncStatus", vec![8, 1]),
        ("a type that does not exist", vec![77, 1]),
    ];
    for (kind, body) in &kinds {
        row(format!("{kind} without a token"), &[about(target, body)], Answer::Nothing, false);
        let with_own = [authentication(OWN_NAME, &own), about(OWN_NAME, SYNC_STEP_1), about(target, body)];
        row(format!("{kind} beside a document of one's own"), &with_own, Answer::Nothing, false);
    }
    row("a broadcast".into(), &[about(target, b"\x06\x01x")], told(target, CLOSED), false);
    row("a ping with an address".into(), &[about(target, &[9]), about(target, &update)], Answer::Nothing, false);
    row("a pong with an address".into(), &[about(target, &[10]), about(target, &update)], Answer::Nothing, false);
    let closed = [about(target, &[7]), about(target, &update)];
    row("after leaving what was never joined".into(), &closed, told(target, CLOSED), false);

    // ---- tokens ----
    let none = format!("{}.{}.", base64url(br#"{"alg":"none"}"#), base64url(claims("a", "*", "write").as_bytes()));
    let other_audience = format!(
        r#"{{"sub":"a","exp":{},"aud":"another","iss":"{ISSUER}","selvedge":{{"documents":{{"*":"write"}}}}}}"#,
        now() + 60
    );
    let other_issuer = other_audience.replace(ISSUER, "https://else.example").replace("another", AUDIENCE);
    let another_secret = Signed::Hmac(b"a secret of somebody else, which is long enough");
    let tokens = [
        ("no token", String::new()),
        ("a word", "admin".to_owned()),
        ("a star", "*".to_owned()),
        ("a token that nobody signed", none),
        ("a token that somebody else signed", token(r#"{"alg":"HS256"}"#, &claims("a", "*", "write"), another_secret)),
        (
            "a token of another algorithm",
            token(r#"{"alg":"HS512"}"#, &claims("a", "*", "write"), Signed::Hmac(SECRET.as_bytes())),
        ),
        ("the secret itself", SECRET.to_owned()),
        ("another tenant's", own.clone()),
        ("until a moment ago", by_secret(&until(now(), "user-1", "*", "write"))),
        ("who is revoked", by_secret(&claims(REVOKED, "*", "write"))),
        ("another audience", by_secret(&other_audience)),
        ("another issuer", by_secret(&other_issuer)),
        ("the folder only", by_secret(&claims("user-1", "tenant-a", "write"))),
        ("the folder and a slash", by_secret(&claims("user-1", "tenant-a/", "write"))),
        ("the name and a NUL", by_secret(&claims("user-1", "tenant-a/plan\\u0000*", "write"))),
        ("a space behind it", format!("{writer} ")),
        ("a scheme in front", format!("Bearer {writer}")),
        ("two at once", format!("{own},{writer}")),
    ];
    for (name, token) in &tokens {
        let parts = [authentication(target, token), about(target, SYNC_STEP_1), about(target, &update)];
        row(format!("token: {name}"), &parts, denied(), false);
        // What came before it is not heard after it either.
        let parts = [about(target, &update), authentication(target, token), authentication(OWN_NAME, &own)];
        row(format!("token, behind what it is for: {name}"), &parts, denied(), false);
    }
    let version = [&[2, 0], &*text(own.as_bytes()), &text(writer.as_bytes())].concat();
    row(
        "a good token where the version is".into(),
        &[about(target, &version), about(target, &update)],
        denied(),
        false,
    );
    let trailing = [&[2, 0], &*text(own.as_bytes()), &text(b"4.8.0"), &text(b"read-write"), &[2, 2]].concat();
    row("bytes behind a token".into(), &[about(target, &trailing), about(target, &update)], denied(), false);
    for (name, body) in [
        ("what a server says of who is denied", b"\x02\x01\x01x".as_slice()),
        ("what a server says of who is let in", b"\x02\x02\x0aread-write"),
        ("a word that does not exist", b"\x02\x03\x01x"),
        ("no word", b"\x02"),
        ("no token at all", b"\x02\x00"),
        ("a token that is longer than the message", b"\x02\x00\x7fx"),
        ("a token that is no text", b"\x02\x00\x02\xff\xfe"),
        ("a type that is longer than it has to be", b"\x82\x00\x00\x01x"),
    ] {
        let parts = [about(target, body), about(target, &update), about(target, SYNC_STEP_1)];
        row(format!("authentication: {name}"), &parts, told(target, CLOSED), false);
    }

    // ---- addresses ----
    for (name, address) in [
        ("a session", format!("{target}\0x")),
        ("an empty session", format!("{target}\0")),
        ("a session that is called like one's own", format!("{target}\0{OWN_NAME}")),
        ("another case", "Tenant-A/Plan".to_owned()),
        ("letters that look alike", "tenant-\u{430}/plan".to_owned()),
        ("letters that are composed", "tenant-a/pla\u{300}n".to_owned()),
        ("wide letters", "\u{ff54}enant-a/plan".to_owned()),
        ("an invisible letter", format!("{target}\u{200b}")),
        ("a space", format!("{target} ")),
        ("two slashes", "tenant-a//plan".to_owned()),
        ("encoded", "tenant-a%2Fplan".to_owned()),
        ("a way up", "tenant-c/../tenant-a/plan".to_owned()),
        ("a star", "tenant-a/*".to_owned()),
        ("everything", "*".to_owned()),
    ] {
        let parts = [authentication(&address, &own), about(&address, &update), about(&address, SYNC_STEP_1)];
        row(format!("address: {name}"), &parts, told(&address, DENIED), false);
    }
    for (name, admitted, written) in [
        ("one's own, and another's", OWN_NAME.to_owned(), target.to_owned()),
        ("a session, and that of another", format!("{OWN_NAME}\0x"), format!("{target}\0x")),
        ("a session that is called like another's", format!("{OWN_NAME}\0{target}"), target.to_owned()),
        ("a way up from one's own", format!("tenant-b/../{target}"), target.to_owned()),
    ] {
        let parts = [authentication(&admitted, &own), about(&written, &update), about(&written, SYNC_STEP_1)];
        row(format!("address: {name}"), &parts, Answer::Nothing, false);
    }
    for (name, bytes) in [
        ("two NULs", about(&format!("{OWN_NAME}\0x\0{target}"), &update)),
        ("a NUL in front", about(&format!("\0{target}"), &update)),
        ("a session that is too long", about(&format!("{OWN_NAME}\0{}", "x".repeat(129)), &update)),
        ("a name that is too long", about(&"x".repeat(5_000), &update)),
        ("no name", about("", &update)),
        ("a line end", about(&format!("{OWN_NAME}\n{target}"), &update)),
        ("a name that is no text", frame(0x82, b"\x02\xff\xfe\x03")),
        ("a length that is longer than it has to be", frame(0x82, &[&[0x8d, 0], target.as_bytes(), &update].concat())),
        ("half a name", frame(0x82, b"\x7ftenant-a")),
    ] {
        row(format!("address: {name}"), &[authentication(OWN_NAME, &own), bytes], Answer::Closed(4400), false);
    }
    row("text".into(), &[frame(0x81, &message(target, &update))], Answer::Closed(1003), false);

    // ---- who may read ----
    let whole = message(target, &update);
    let (begin, end) = whole.split_at(9);
    let pieces = [frame(0x02, begin), frame(0x89, b""), frame(0x80, end)].concat();
    let stored = [&[0, whole.len() as u8, 0, !(whole.len() as u8), 0xff], &whole[..], &[0]].concat();
    let ways: [(&str, Vec<u8>); 8] = [
        ("an Update", about(target, &update)),
        ("a SyncStep2", about(target, &sync(0, 1, foreign))),
        ("a deletion as an Update", about(target, &sync(0, 2, deletion))),
        ("a deletion as a SyncStep2", about(target, &sync(0, 1, deletion))),
        ("an Update in pieces", pieces),
        ("an Update that is compressed", frame(0xc2, &stored)),
        ("an Update as a reply", about(target, &sync(4, 2, foreign))),
        ("a SyncStep2 as a reply", about(target, &sync(4, 1, foreign))),
    ];
    for (right, token) in [("read", &reader), ("comment", &commenter)] {
        for (name, bytes) in &ways {
            let parts = [authentication(target, token), about(target, SYNC_STEP_1), bytes.clone()];
            row(format!("who may {right}: {name}"), &parts, told(target, REFUSED), true);
        }
    }
    let before = [about(target, &update), authentication(target, &reader)];
    row("who may read: an Update before the token".into(), &before, told(target, REFUSED), true);
    let elsewhere = [authentication(target, &reader), about(&format!("{target}\0two"), &update)];
    row("who may read: an Update under another session".into(), &elsewhere, Answer::Nothing, true);
    let stateless = [authentication(target, &reader), about(target, b"\x05\x01x")];
    row("who may read: a stateless message".into(), &stateless, denied(), true);
    let again = [authentication(target, &reader), authentication(target, &own), about(target, &update)];
    row("who may read: a token that is not for it, afterwards".into(), &again, told(target, CLOSED), true);

    // ---- who might have written, and may not any longer ----
    let worse = [authentication(target, &writer), authentication(target, &reader), about(target, &update)];
    row("afterwards: a token for reading".into(), &worse, told(target, REFUSED), true);
    for (name, ending) in [
        ("leaving", about(target, &[7])),
        ("a token of another tenant", authentication(target, &own)),
        ("no token", authentication(target, "")),
        ("a broadcast", about(target, b"\x06\x01x")),
        ("what is no message", about(target, &[0, 9])),
    ] {
        let parts = [authentication(target, &writer), ending, about(target, &update), authentication(target, &own)];
        row(format!("afterwards: {name}"), &parts, told(target, CLOSED), true);
    }

    // ---- bounds ----
    let crowd = (0..900).map(|n| about(&format!("tenant-a/{n}"), &update));
    let crowd: Vec<Vec<u8>> = [authentication(PROBE_NAME, &own)].into_iter().chain(crowd).collect();
    row("hundreds of documents".into(), &crowd, told("tenant-a/899", CLOSED), false);
    row("too many messages".into(), &vec![about(target, &[3]); 1_001], Answer::Closed(4205), false);
    let large = about(target, &[&[0, 2, 0xff, 0x7f], &[0; 16_383][..]].concat());
    row("too many bytes".into(), &vec![large; 70], Answer::Closed(4205), false);
    row("very many tokens".into(), &vec![authentication(target, "admin"); 2_000], denied(), false);
    table
}
