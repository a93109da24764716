//! Responses: each is appended whole to what the caller has. Does not know when to send which.

use super::{RequestError, UpgradeKey};
use crate::websocket::Deflate;

/// The statuses that are answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// 200
    Ok,
    /// 400
    BadRequest,
    /// 401
    Unauthorized,
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// 405
    MethodNotAllowed,
    /// 408
    RequestTimeout,
    /// 426
    UpgradeRequired,
    /// 429
    TooManyRequests,
    /// 431
    RequestHeaderFieldsTooLarge,
    /// 500
    InternalServerError,
    /// 503
    ServiceUnavailable,
    /// 505
    HttpVersionNotSupported,
}

impl Status {
    /// The three digits.
    pub const fn code(self) -> u16 {
        match self {
            Self::Ok => 200,
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::UpgradeRequired => 426,
            Self::TooManyRequests => 429,
            Self::RequestHeaderFieldsTooLarge => 431,
            Self::InternalServerError => 500,
            Self::ServiceUnavailable => 503,
            Self::HttpVersionNotSupported => 505,
        }
    }

    /// The phrase behind them, for people (RFC 9110, section 15; RFC 6585).
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::BadRequest => "Bad Request",
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "Not Found",
            Self::MethodNotAllowed => "Method Not Allowed",
            Self::RequestTimeout => "Request Timeout",
            Self::UpgradeRequired => "Upgrade Required",
            Self::TooManyRequests => "Too Many Requests",
            Self::RequestHeaderFieldsTooLarge => "Request Header Fields Too Large",
            Self::InternalServerError => "Internal Server Error",
            Self::ServiceUnavailable => "Service Unavailable",
            Self::HttpVersionNotSupported => "HTTP Version Not Supported",
        }
    }
}

/// What becomes of the connection after the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Another request may follow.
    KeepAlive,
    /// The server closes it.
    Close,
}

/// Appends the response that ends HTTP on this connection and begins WebSocket (RFC 6455, section 4.2.2).
///
/// `protocol` is the subprotocol chosen from those that the client offers, `deflate` what was made of the extensions that it offers.
pub fn write_upgrade(out: &mut Vec<u8>, key: &UpgradeKey, protocol: Option<&str>, deflate: Option<Deflate>) {
    out.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
    out.extend_from_slice(b"Sec-WebSocket-Accept: ");
    out.extend_from_slice(&key.accept());
    out.extend_from_slice(b"\r\n");
    if let Some(protocol) = protocol {
        put_header(out, "Sec-WebSocket-Protocol", protocol);
    }
    if let Some(deflate) = deflate {
        put_header(out, "Sec-WebSocket-Extensions", &deflate.answer());
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a whole response. `headers` are those beyond Content-Type, Content-Length and Connection.
pub fn write_response(
    out: &mut Vec<u8>,
    status: Status,
    content_type: &str,
    body: &[u8],
    headers: &[(&str, &str)],
    connection: Connection,
) {
    let connection = match connection {
        Connection::KeepAlive => "keep-alive",
        Connection::Close => "close",
    };
    put_response(out, status, content_type, body, headers, connection);
}

/// Appends the response to a request that could not be read. The connection must be closed behind it: where the next
/// request would begin is unknown.
pub fn write_refusal(out: &mut Vec<u8>, error: &RequestError) {
    let status = error.status();
    // Both say what would have been right: RFC 9110, sections 15.5.6 and 15.5.22; RFC 6455, section 4.4.
    let (headers, connection): (&[(&str, &str)], _) = match status {
        Status::MethodNotAllowed => (&[("Allow", "GET")], "close"),
        Status::UpgradeRequired => (&[("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")], "close, Upgrade"),
        Status::Ok
        | Status::BadRequest
        | Status::Unauthorized
        | Status::Forbidden
        | Status::NotFound
        | Status::RequestTimeout
        | Status::TooManyRequests
        | Status::RequestHeaderFieldsTooLarge
        | Status::InternalServerError
        | Status::ServiceUnavailable
        | Status::HttpVersionNotSupported => (&[], "close"),
    };
    let body = format!("{error}\n");
    put_response(out, status, "text/plain; charset=utf-8", body.as_bytes(), headers, connection);
}

fn put_response(
    out: &mut Vec<u8>,
    status: Status,
    content_type: &str,
    body: &[u8],
    headers: &[(&str, &str)],
    connection: &str,
) {
    out.extend_from_slice(format!("HTTP/1.1 {} {}\r\n", status.code(), status.reason()).as_bytes());
    put_header(out, "Content-Type", content_type);
    put_header(out, "Content-Length", &body.len().to_string());
    put_header(out, "Connection", connection);
    for (name, value) in headers {
        put_header(out, name, value);
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
}

fn put_header(out: &mut Vec<u8>, name: &str, value: &str) {
    // Values are ours or come out of a parsed header, which cannot contain a control character either.
    assert!(!value.bytes().any(|byte| byte.is_ascii_control()), "a header value ends only at its line end");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::negotiate;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("a head is ASCII")
    }

    #[test]
    fn the_upgrade_of_the_rfc_is_answered_as_in_the_rfc() {
        let key = UpgradeKey::parse(b"dGhlIHNhbXBsZSBub25jZQ==").expect("16 bytes in base64");
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
        assert_eq!(written(|out| write_upgrade(out, &key, None, None)), format!("{head}\r\n"));
        assert_eq!(
            written(|out| write_upgrade(out, &key, Some("chat"), None)),
            format!("{head}Sec-WebSocket-Protocol: chat\r\n\r\n")
        );
        let deflate = negotiate([b"permessage-deflate; server_max_window_bits=10".as_slice()]);
        assert_eq!(
            written(|out| write_upgrade(out, &key, None, deflate)),
            format!(
                "{head}Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
                 client_no_context_takeover; server_max_window_bits=10\r\n\r\n"
            )
        );
    }

    #[test]
    fn a_response_says_how_long_it_is_and_what_becomes_of_the_connection() {
        let response = written(|out| {
            write_response(
                out,
                Status::Ok,
                "text/plain",
                b"ok\n",
                &[("Cache-Control", "no-store")],
                Connection::KeepAlive,
            )
        });
        assert_eq!(
            response,
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\
             Cache-Control: no-store\r\n\r\nok\n"
        );
    }

    #[test]
    fn a_refusal_says_what_would_have_been_right() {
        let wrong_version = written(|out| write_refusal(out, &RequestError::WebSocketVersion));
        assert!(wrong_version.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{wrong_version}");
        assert!(wrong_version.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{wrong_version}");
        assert!(wrong_version.contains("\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n"), "{wrong_version}");

        let wrong_method = written(|out| write_refusal(out, &RequestError::MethodNotAllowed));
        assert!(wrong_method.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{wrong_method}");
        assert!(wrong_method.contains("\r\nAllow: GET\r\n"), "{wrong_method}");
        assert!(wrong_method.ends_with("\r\n\r\nonly GET is served here\n"), "{wrong_method}");
    }

    #[test]
    #[should_panic(expected = "a header value ends only at its line end")]
    fn a_line_end_in_a_header_value_is_never_written() {
        write_response(
            &mut Vec::new(),
            Status::Ok,
            "text/plain",
            b"",
            &[("X", "a\r\nSet-Cookie: b")],
            Connection::Close,
        );
    }
}
