//! Request heads as browsers, proxies and attackers send them.

use super::*;
use proptest::prelude::*;

const LIMITS: Limits = Limits { head_bytes_max: 8192 };

const UPGRADE: &str = "GET /chat?token=a%20b&flag HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// Parses `head` followed by a frame, and expects `None` for every shorter prefix and no trace of the frame.
fn parse(head: &str) -> Result<Request<'_>, RequestError> {
    let (request, head_bytes) = parse_request(head.as_bytes(), &LIMITS)?.expect("the head is complete");
    assert_eq!(head_bytes, head.len());
    let followed = [head.as_bytes(), &[0x82, 0x80, 0, 0, 0, 0]].concat();
    let (_, followed_bytes) = parse_request(&followed, &LIMITS)?.expect("the head is complete");
    assert_eq!(followed_bytes, head.len(), "what follows the head is not part of it");
    for cut in 0..head.len() {
        let prefix = parse_request(&head.as_bytes()[..cut], &LIMITS);
        assert!(matches!(prefix, Ok(None)), "{head:?} cut at {cut}");
    }
    Ok(request)
}

fn is_upgrade(request: &Request<'_>) -> bool {
    matches!(request.kind, RequestKind::Upgrade { .. })
}

#[test]
fn the_upgrade_of_the_rfc_is_read() {
    let request = parse(UPGRADE).expect("the request is valid");
    let key = UpgradeKey::parse(b"dGhlIHNhbXBsZSBub25jZQ==").expect("16 bytes in base64");
    assert_eq!(request.kind, RequestKind::Upgrade { key });
    assert_eq!((request.path, request.query), ("/chat", "token=a%20b&flag"));
    assert_eq!(request.path_segments().collect::<Vec<_>>(), ["chat"]);
    assert_eq!(request.query_parameters().collect::<Vec<_>>(), [("token", "a%20b"), ("flag", "")]);
    assert_eq!(request.origin(), Some(&b"http://example.com"[..]));
    assert_eq!(request.protocols().collect::<Vec<_>>(), [&b"chat"[..], b"superchat"]);
    assert_eq!(request.header("host"), Some(&b"server.example.com"[..]));
    assert_eq!((request.authorization(), request.extensions().count()), (None, 0));
}

#[test]
fn lists_may_be_spread_over_several_headers_in_any_case() {
    let request = parse(
        "GET / HTTP/1.1\r\nhost:\r\nCONNECTION: keep-alive\r\nconnection: foo , UPGRADE,\r\nupgrade: h2c, WebSocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: a\r\n\
         Sec-WebSocket-Protocol: b,c\r\nX-Forwarded-For: 10.0.0.1, 10.0.0.2\r\nX-Forwarded-For: 10.0.0.3\r\n\
         Authorization: Bearer x\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n",
    )
    .expect("the request is valid");
    assert!(is_upgrade(&request));
    assert_eq!(request.protocols().collect::<Vec<_>>(), [b"a", b"b", b"c"]);
    assert_eq!(request.forwarded_for().collect::<Vec<_>>(), [b"10.0.0.1", b"10.0.0.2", b"10.0.0.3"]);
    assert_eq!(request.authorization(), Some(&b"Bearer x"[..]));
    assert_eq!(request.extensions().collect::<Vec<_>>(), [&b"permessage-deflate; client_max_window_bits"[..]]);
}

#[test]
fn targets_are_split_and_not_decoded() {
    let cases = [
        ("/", Ok(("/", ""))),
        ("/?", Ok(("/", ""))),
        ("/a/b%2Fc", Ok(("/a/b%2Fc", ""))),
        ("/a?b?c=/d", Ok(("/a", "b?c=/d"))),
        ("//a", Ok(("//a", ""))),
        ("/é", Ok(("/é", ""))),
        ("http://host/a?b", Ok(("/a", "b"))),
        ("WSS://host", Ok(("/", ""))),
        ("ws://host?b", Ok(("/", "b"))),
        ("*", Err(RequestError::TargetInvalid)),
        ("a/b", Err(RequestError::TargetInvalid)),
        ("host:443", Err(RequestError::TargetInvalid)),
        ("ftp://host/a", Err(RequestError::TargetInvalid)),
        ("/a#b", Err(RequestError::TargetInvalid)),
    ];
    for (target, expected) in cases {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let split = parse_request(head.as_bytes(), &LIMITS).map(|parsed| {
            let (request, _) = parsed.expect("the head is complete");
            (request.path, request.query)
        });
        assert_eq!(split, expected, "{target}");
    }
}

#[test]
fn plain_requests_say_whether_another_may_follow() {
    let cases = [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n", true),
        ("GET / HTTP/1.0\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false),
    ];
    for (head, keep_alive) in cases {
        let request = parse(head).expect("the request is valid");
        assert_eq!((request.kind, request.keep_alive), (RequestKind::Get, keep_alive), "{head}");
    }
}

#[test]
fn what_is_wrong_with_a_request_is_said() {
    use RequestError as E;
    let edit = |from: &str, to: &str| {
        assert!(UPGRADE.contains(from), "{from}");
        UPGRADE.replace(from, to)
    };
    let host = "GET / HTTP/1.1\r\nHost: a\r\n";
    let cases: &[(String, RequestError, u16)] = &[
        (edit("GET", "POST"), E::MethodNotAllowed, 405),
        (edit("GET", "get"), E::MethodNotAllowed, 405),
        (edit("HTTP/1.1", "HTTP/1.0"), E::UpgradeInHttp10, 400),
        (edit("HTTP/1.1", "HTTP/2.0"), E::Malformed(httparse::Error::Version), 505),
        (edit("Host:", "Ghost:"), E::HostMissing, 400),
        (edit("Connection: Upgrade\r\n", ""), E::ConnectionWithoutUpgrade, 400),
        (edit("Connection: Upgrade\r\n", "Connection: keep-alive\r\n"), E::ConnectionWithoutUpgrade, 400),
        (edit("Version: 13", "Version: 8"), E::WebSocketVersion, 426),
        (edit("Sec-WebSocket-Version: 13\r\n", ""), E::WebSocketVersion, 426),
        (edit("Version: 13", "Version: 13, 8"), E::WebSocketVersion, 426),
        (edit("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), E::WebSocketKey, 400),
        (edit("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j"), E::WebSocketKey, 400),
        (edit("Origin: http://example.com", "Origin: a\r\nOrigin: b"), E::HeaderRepeated { name: "Origin" }, 400),
        (format!("{host}Host: b\r\n\r\n"), E::HeaderRepeated { name: "Host" }, 400),
        (format!("{host}Content-Length: 5\r\n\r\n"), E::BodyNotAccepted, 400),
        (format!("{host}Content-Length: 0\r\nContent-Length: 5\r\n\r\n"), E::BodyNotAccepted, 400),
        (format!("{host}Content-Length: +0\r\n\r\n"), E::BodyNotAccepted, 400),
        (format!("{host}Transfer-Encoding: chunked\r\n\r\n"), E::BodyNotAccepted, 400),
        (format!("{host}Bad Header: 1\r\n\r\n"), E::Malformed(httparse::Error::HeaderName), 400),
        (format!("{host}X : 1\r\n\r\n"), E::Malformed(httparse::Error::HeaderName), 400),
        (format!("{host}X: a\0b\r\n\r\n"), E::Malformed(httparse::Error::HeaderValue), 400),
        (format!("{host}X: a\r\n folded\r\n\r\n"), E::Malformed(httparse::Error::HeaderName), 400),
        ("\x16\x03\x01\x02\x00\x01".to_owned(), E::Malformed(httparse::Error::Token), 400),
        (format!("{host}{}\r\n", "X: 1\r\n".repeat(HEADERS_MAX)), E::TooManyHeaders { headers_max: HEADERS_MAX }, 431),
        (format!("{host}X: {}", "a".repeat(8192)), E::HeadTooLong { head_bytes_max: 8192 }, 431),
        (format!("{host}X: {}\r\n\r\n", "a".repeat(8192)), E::HeadTooLong { head_bytes_max: 8192 }, 431),
    ];
    for (head, error, code) in cases {
        assert_eq!(parse_request(head.as_bytes(), &LIMITS).err(), Some(*error), "{head}");
        assert_eq!(error.status().code(), *code, "{head}");
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn a_head_of_exactly_the_limit_is_read_and_one_byte_more_is_not() {
    let start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    let head = |head_bytes: usize| format!("{start}{}\r\n\r\n", "a".repeat(head_bytes - start.len() - 4));
    assert!(matches!(parse_request(head(8192).as_bytes(), &LIMITS), Ok(Some((_, 8192)))));
    let longer = head(8193);
    assert_eq!(
        parse_request(longer.as_bytes(), &LIMITS).err(),
        Some(RequestError::HeadTooLong { head_bytes_max: 8192 })
    );
    assert!(matches!(parse_request(&longer.as_bytes()[..8191], &LIMITS), Ok(None)));
}

proptest! {
    #[test]
    fn a_damaged_head_is_judged_alike_however_it_arrives(
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
        head_bytes_max in 50usize..400,
    ) {
        let limits = Limits { head_bytes_max };
        let mut head = UPGRADE.as_bytes().to_vec();
        for (index, byte) in damage {
            let index = index.index(head.len());
            head[index] = byte;
        }
        let whole = parse_request(&head, &limits).map(|parsed| parsed.map(|(request, length)| (request.kind, length)));
        // The first prefix that gets an answer gets the answer of the whole.
        for cut in 0..head.len() {
            match parse_request(&head[..cut], &limits) {
                Ok(None) => {}
                Ok(Some((request, length))) => {
                    prop_assert_eq!(&Ok(Some((request.kind, length))), &whole);
                    break;
                }
                Err(error) => {
                    prop_assert_eq!(&Err(error), &whole);
                    break;
                }
            }
        }
    }
}
