//! The client's side of an upgrade (RFC 6455, sections 4.1 and 4.2.2): one request out, one response head in. Does not know who connects.

use std::{error::Error, fmt};

use super::{HEADERS_MAX, UpgradeKey};

/// Longest response head that is read. Servers answer an upgrade with a few hundred bytes.
pub const RESPONSE_HEAD_BYTES_MAX: usize = 16 << 10;

/// Longest text of a refusal that is kept.
const REASON_BYTES_MAX: usize = 120;

/// Why there is no WebSocket after the response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpgradeRefused {
    /// Another status than 101: the server does not want.
    Status {
        /// The three digits.
        code: u16,
        /// The phrase behind them, as far as it is short.
        reason: String,
    },
    /// The response is not HTTP/1.
    Malformed(httparse::Error),
    /// The head is longer than [`RESPONSE_HEAD_BYTES_MAX`].
    HeadTooLong,
    /// 101, but the answer to another key, or to none: something in between answered.
    WrongAccept,
}

impl fmt::Display for UpgradeRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { code, reason } => write!(f, "the upgrade is refused with HTTP status {code} {reason}"),
            Self::Malformed(error) => write!(f, "the answer to the upgrade is not HTTP/1: {error}"),
            Self::HeadTooLong => {
                write!(f, "the answer to the upgrade has a head of more than {RESPONSE_HEAD_BYTES_MAX} bytes")
            }
            Self::WrongAccept => f.write_str("the answer to the upgrade belongs to another request"),
        }
    }
}

impl Error for UpgradeRefused {}

/// Appends the request for a WebSocket. `target` is a path with its query, `host` a name or address with its port; neither may contain a
/// control character or a space.
pub fn write_upgrade_request(out: &mut Vec<u8>, host: &str, target: &str, key: &UpgradeKey) {
    for part in [host, target] {
        assert!(!part.bytes().any(|byte| byte <= b' ' || byte == 0x7f), "a request line ends only at its line end");
    }
    for part in [
        b"GET ".as_slice(),
        target.as_bytes(),
        b" HTTP/1.1\r\nHost: ",
        host.as_bytes(),
        b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ",
        key.as_bytes(),
        b"\r\n\r\n",
    ] {
        out.extend_from_slice(part);
    }
}

/// Reads the response head at the start of `buffer`, and says how long it is, when it opens the WebSocket that `key` asked for; `None` while
/// it is incomplete. Behind it may already be frames.
///
/// # Errors
///
/// There will be no WebSocket.
pub fn parse_upgrade_response(buffer: &[u8], key: &UpgradeKey) -> Result<Option<usize>, UpgradeRefused> {
    let head = &buffer[..buffer.len().min(RESPONSE_HEAD_BYTES_MAX)];
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let head_bytes = match response.parse(head).map_err(UpgradeRefused::Malformed)? {
        httparse::Status::Complete(head_bytes) => head_bytes,
        httparse::Status::Partial if buffer.len() < RESPONSE_HEAD_BYTES_MAX => return Ok(None),
        httparse::Status::Partial => return Err(UpgradeRefused::HeadTooLong),
    };
    let code = response.code.unwrap_or(0);
    if code != 101 {
        let reason = response.reason.unwrap_or("");
        let reason = reason[..reason.floor_char_boundary(REASON_BYTES_MAX)].to_owned();
        return Err(UpgradeRefused::Status { code, reason });
    }
    let accept = key.accept();
    let mut accepts = response.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("Sec-WebSocket-Accept"));
    match (accepts.next(), accepts.next()) {
        (Some(header), None) if header.value.trim_ascii() == accept => Ok(Some(head_bytes)),
        (_, _) => Err(UpgradeRefused::WrongAccept),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Limits, RequestKind, Status, parse_request, write_response, write_upgrade};
    use super::*;

    const NONCE: [u8; 16] = *b"the sample nonce";

    #[test]
    fn what_is_asked_is_what_a_server_reads_and_its_answer_opens_the_websocket() {
        let key = UpgradeKey::new(NONCE);
        let mut request = Vec::new();
        write_upgrade_request(&mut request, "127.0.0.1:80", "/yjs/a%20b?c=d", &key);
        let (read, length) = parse_request(&request, &Limits { head_bytes_max: 4096 }).expect("legal").expect("whole");
        assert_eq!((read.path, read.query, length), ("/yjs/a%20b", "c=d", request.len()));
        assert_eq!(read.kind, RequestKind::Upgrade { key });

        let mut response = Vec::new();
        write_upgrade(&mut response, &key, None, None);
        let head = response.len();
        for cut in 0..head {
            assert_eq!(parse_upgrade_response(&response[..cut], &key), Ok(None), "cut at {cut}");
        }
        response.extend_from_slice(b"\x82\x00");
        assert_eq!(parse_upgrade_response(&response, &key), Ok(Some(head)));
        let other = UpgradeKey::new([0; 16]);
        assert_eq!(parse_upgrade_response(&response, &other), Err(UpgradeRefused::WrongAccept));
    }

    #[test]
    fn a_refusal_says_its_status() {
        let mut response = Vec::new();
        write_response(
            &mut response,
            Status::ServiceUnavailable,
            "text/plain",
            b"",
            &[],
            super::super::Connection::Close,
        );
        let refused = parse_upgrade_response(&response, &UpgradeKey::new(NONCE));
        let reason = "Service Unavailable".to_owned();
        assert_eq!(refused, Err(UpgradeRefused::Status { code: 503, reason }));
    }

    #[test]
    fn what_is_not_an_answer_is_refused() {
        let key = UpgradeKey::new(NONCE);
        let malformed = parse_upgrade_response(b"SSH-2.0-OpenSSH\r\n", &key);
        assert!(matches!(malformed, Err(UpgradeRefused::Malformed(_))), "{malformed:?}");
        let mut endless = b"HTTP/1.1 101 a\r\nA: ".to_vec();
        endless.resize(RESPONSE_HEAD_BYTES_MAX, b'a');
        assert_eq!(parse_upgrade_response(&endless, &key), Err(UpgradeRefused::HeadTooLong));
        let without = parse_upgrade_response(b"HTTP/1.1 101 a\r\n\r\n", &key);
        assert_eq!(without, Err(UpgradeRefused::WrongAccept));
    }
}
