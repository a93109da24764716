//! A request head, from as many bytes as have arrived. Does not know what is served under which path.

use super::{RequestError, UpgradeKey};

/// Most headers in a request. Browsers behind two proxies send about 25.
pub const HEADERS_MAX: usize = 64;

/// What a client may send before it has asked for anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest request line with headers. As every call of [`parse_request`] reads from the start, a client that sends
    /// byte by byte makes this end read half the square of it.
    pub head_bytes_max: usize,
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// To speak WebSocket from here on.
    Upgrade {
        /// To be answered by [`super::write_upgrade`].
        key: UpgradeKey,
    },
    /// To read what is under the path.
    Get,
}

/// A request that has passed every check that does not depend on what is served.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// An upgrade or a plain GET.
    pub kind: RequestKind,
    /// From the first `/` to before the `?`, as it was sent: nothing is decoded.
    pub path: &'a str,
    /// What follows the `?`, as it was sent; empty if there is none.
    pub query: &'a str,
    /// Whether the client will send another request after the response to this one.
    pub keep_alive: bool,
    headers: Headers<'a>,
}

/// Reads the request head at the start of `buffer`, and says how long it is; `None` while it is incomplete.
///
/// To be called again with the longer buffer when more has arrived. What follows the head is not looked at: behind an
/// upgrade it may already be a frame.
pub fn parse_request<'a>(buffer: &'a [u8], limits: &Limits) -> Result<Option<(Request<'a>, usize)>, RequestError> {
    // Bytes beyond the limit are never looked at, so that the verdict does not depend on how the head was cut.
    let head = &buffer[..buffer.len().min(limits.head_bytes_max)];
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    let head_bytes = match parsed.parse(head) {
        Ok(httparse::Status::Complete(head_bytes)) => head_bytes,
        Ok(httparse::Status::Partial) if buffer.len() < limits.head_bytes_max => return Ok(None),
        Ok(httparse::Status::Partial) => {
            return Err(RequestError::HeadTooLong { head_bytes_max: limits.head_bytes_max });
        }
        Err(httparse::Error::TooManyHeaders) => {
            return Err(RequestError::TooManyHeaders { headers_max: HEADERS_MAX });
        }
        Err(error) => return Err(RequestError::Malformed(error)),
    };
    let (Some(method), Some(target), Some(minor_version)) = (parsed.method, parsed.path, parsed.version) else {
        unreachable!("a complete head has a method, a target and a version");
    };
    let count = parsed.headers.len();
    let headers = Headers { headers, count };
    Ok(Some((check(method, target, minor_version, headers)?, head_bytes)))
}

fn check<'a>(
    method: &str,
    target: &'a str,
    minor_version: u8,
    headers: Headers<'a>,
) -> Result<Request<'a>, RequestError> {
    if method != "GET" {
        return Err(RequestError::MethodNotAllowed);
    }
    let (path, query) = split_target(target).ok_or(RequestError::TargetInvalid)?;
    for name in ["Host", "Origin", "Authorization", "Sec-WebSocket-Key", "Sec-WebSocket-Version"] {
        if headers.values(name).nth(1).is_some() {
            return Err(RequestError::HeaderRepeated { name });
        }
    }
    let http_1_1 = minor_version == 1;
    if http_1_1 && headers.first("Host").is_none() {
        return Err(RequestError::HostMissing);
    }
    let length_is_zero = headers.values("Content-Length").all(|value| value == b"0");
    if !length_is_zero || headers.first("Transfer-Encoding").is_some() {
        return Err(RequestError::BodyNotAccepted);
    }
    let kind = if headers.list("Upgrade").any(|token| token.eq_ignore_ascii_case(b"websocket")) {
        RequestKind::Upgrade { key: check_upgrade(http_1_1, &headers)? }
    } else {
        RequestKind::Get
    };
    let keep_alive = http_1_1 && !headers.list("Connection").any(|token| token.eq_ignore_ascii_case(b"close"));
    Ok(Request { kind, path, query, keep_alive, headers })
}

/// What RFC 6455, section 4.2.1 asks of an upgrade beyond what holds for every request.
fn check_upgrade(http_1_1: bool, headers: &Headers<'_>) -> Result<UpgradeKey, RequestError> {
    if !http_1_1 {
        return Err(RequestError::UpgradeInHttp10);
    }
    if !headers.list("Connection").any(|token| token.eq_ignore_ascii_case(b"upgrade")) {
        return Err(RequestError::ConnectionWithoutUpgrade);
    }
    if headers.first("Sec-WebSocket-Version") != Some(b"13") {
        return Err(RequestError::WebSocketVersion);
    }
    headers.first("Sec-WebSocket-Key").and_then(UpgradeKey::parse).ok_or(RequestError::WebSocketKey)
}

/// Path and query of a target in origin form or absolute form (RFC 9112, section 3.2).
fn split_target(target: &str) -> Option<(&str, &str)> {
    if target.contains('#') {
        return None;
    }
    let path_and_query = if target.starts_with('/') {
        target
    } else {
        let (scheme, rest) = target.split_once("://")?;
        if !["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return None;
        }
        match rest.find(['/', '?']) {
            Some(authority_end) => &rest[authority_end..],
            None => "/",
        }
    };
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    Some((if path.is_empty() { "/" } else { path }, query))
}

impl<'a> Request<'a> {
    /// The parts of the path between its slashes, undecoded: `/a/b%2Fc` gives `a` and `b%2Fc`, `/` one empty part.
    pub fn path_segments(&self) -> impl Iterator<Item = &'a str> {
        self.path.strip_prefix('/').unwrap_or(self.path).split('/')
    }

    /// Name and value of each query parameter, undecoded. One without a `=` has an empty value.
    pub fn query_parameters(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }

    /// The page that opened the connection; browsers always send it, programs rarely do. Bytes, because a value that is
    /// not UTF-8 must not look like an absent one.
    pub fn origin(&self) -> Option<&'a [u8]> {
        self.headers.first("Origin")
    }

    /// Scheme and credentials, as sent.
    pub fn authorization(&self) -> Option<&'a [u8]> {
        self.headers.first("Authorization")
    }

    /// The subprotocols that the client offers, most wanted first.
    pub fn protocols(&self) -> impl Iterator<Item = &'a [u8]> {
        self.headers.list("Sec-WebSocket-Protocol")
    }

    /// The extensions that the client offers, each with its parameters.
    pub fn extensions(&self) -> impl Iterator<Item = &'a [u8]> {
        self.headers.list("Sec-WebSocket-Extensions")
    }

    /// The chain of addresses that proxies report, nearest to the client first. Whoever connects can write anything
    /// here: only what a trusted proxy appended, at the end, means something.
    pub fn forwarded_for(&self) -> impl Iterator<Item = &'a [u8]> {
        self.headers.list("X-Forwarded-For")
    }

    /// The first value of any other header.
    pub fn header(&self, name: &'static str) -> Option<&'a [u8]> {
        self.headers.first(name)
    }
}

#[derive(Clone, Debug)]
struct Headers<'a> {
    headers: [httparse::Header<'a>; HEADERS_MAX],
    count: usize,
}

impl<'a> Headers<'a> {
    fn values(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        let headers = self.headers[..self.count].iter().copied();
        headers.filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    }

    fn first(&self, name: &'static str) -> Option<&'a [u8]> {
        self.values(name).next()
    }

    /// The members of a comma-separated list, which may be spread over several headers (RFC 9110, section 5.6.1).
    fn list(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        let members = self.values(name).flat_map(|value| value.split(|&byte| byte == b','));
        members.map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
    }
}

#[cfg(test)]
mod tests;
