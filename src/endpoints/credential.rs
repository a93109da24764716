//! Where the token of a request is: in its query, among its subprotocols, or in its `Authorization`. Does not know what a token is.

use std::borrow::Cow;

use selvedge_protocol::http::{Request, percent_decode};

use crate::auth::Denied;

/// The subprotocol behind which the token stands, for clients that cannot set headers, and do not want it in an address.
const SUBPROTOCOL: &str = "bearer";

/// What a request gives to be let in. It has no debug text, so that no log has it.
pub(super) struct Credential<'a> {
    /// None where none was given, or an empty one, which clients send who are not logged in. Refused where it cannot be read, or where
    /// several are given: whoever put a second one there may want another one to be looked at than is used.
    pub(super) token: Result<Option<Cow<'a, str>>, Denied>,
    /// The subprotocol to agree to. Where a client offers some and none is chosen, browsers give up.
    pub(super) protocol: Option<&'static str>,
}

impl<'a> Credential<'a> {
    /// Finds the token.
    pub(super) fn of(request: &Request<'a>) -> Self {
        let mut found = Found(Ok(None));
        for (_, value) in request.query_parameters().filter(|(name, _)| *name == "token") {
            found.add(percent_decode(value).ok());
        }
        let mut offered = request.protocols();
        let protocol = offered.any(|name| name == SUBPROTOCOL.as_bytes()).then_some(SUBPROTOCOL);
        if protocol.is_some() {
            found.add(offered.next().map(Cow::Borrowed));
        }
        if let Some(token) = request.authorization().and_then(bearer) {
            found.add(Some(Cow::Borrowed(token)));
        }
        Self { token: found.0, protocol }
    }
}

/// Credentials of the scheme `Bearer` (RFC 6750, section 2.1). Others are for a proxy in front.
fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let end = authorization.iter().position(|&byte| byte == b' ')?;
    let (scheme, token) = authorization.split_at(end);
    scheme.eq_ignore_ascii_case(b"bearer").then(|| token.trim_ascii())
}

/// The one token that was found so far.
struct Found<'a>(Result<Option<Cow<'a, str>>, Denied>);

impl<'a> Found<'a> {
    /// `None` is what cannot be read.
    fn add(&mut self, token: Option<Cow<'a, [u8]>>) {
        let text = |token: Cow<'a, [u8]>| match token {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        };
        match (token.and_then(text), &self.0) {
            (_, Err(_)) => {}
            (None, Ok(_)) => self.0 = Err(Denied::Malformed),
            (Some(token), Ok(_)) if token.is_empty() => {}
            (Some(token), Ok(None)) => self.0 = Ok(Some(token)),
            (Some(token), Ok(Some(other))) if token == *other => {}
            (Some(_), Ok(Some(_))) => self.0 = Err(Denied::Ambiguous),
        }
    }
}

#[cfg(test)]
mod tests {
    use selvedge_protocol::http::{Limits, parse_request};

    use super::*;

    fn check(target: &str, headers: &str, token: Result<Option<&str>, Denied>, protocol: Option<&str>) {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        let limits = Limits { head_bytes_max: 4_096 };
        let (request, _) = parse_request(head.as_bytes(), &limits).expect("legal").expect("whole");
        let found = Credential::of(&request);
        assert_eq!(found.token.as_ref().map(|token| token.as_deref()).map_err(|denied| *denied), token, "{head}");
        assert_eq!(found.protocol, protocol, "{head}");
    }

    #[test]
    fn a_token_is_found_in_three_places_and_nowhere_else() {
        check("/yjs/a", "", Ok(None), None);
        check("/yjs/a?token=x.y.z", "", Ok(Some("x.y.z")), None);
        check("/yjs/a?a=b&token=x%2Ey&c", "", Ok(Some("x.y")), None);
        check("/yjs/a?token=", "", Ok(None), None);
        check("/yjs/a?token", "", Ok(None), None);
        check("/yjs/a", "Authorization: Bearer x.y.z\r\n", Ok(Some("x.y.z")), None);
        check("/yjs/a", "Authorization: bEARER   x\r\n", Ok(Some("x")), None);
        check("/yjs/a", "Sec-WebSocket-Protocol: bearer, x.y\r\n", Ok(Some("x.y")), Some("bearer"));
        check("/yjs/a", "Sec-WebSocket-Protocol: yjs, bearer,x.y\r\n", Ok(Some("x.y")), Some("bearer"));
        check(
            "/yjs/a",
            "Sec-WebSocket-Protocol: bearer\r\nSec-WebSocket-Protocol: x\r\n",
            Ok(Some("x")),
            Some("bearer"),
        );
        check(
            "/yjs/a?token=x",
            "Authorization: Bearer x\r\nSec-WebSocket-Protocol: bearer, x\r\n",
            Ok(Some("x")),
            Some("bearer"),
        );
        // Elsewhere it is none.
        check("/yjs/a?Token=x&%74oken=y&access_token=z&token%00=z", "", Ok(None), None);
        check("/yjs/a", "Authorization: Basic eDp5\r\n", Ok(None), None);
        check("/yjs/a", "Authorization: x.y.z\r\n", Ok(None), None);
        check("/yjs/a", "Cookie: token=x\r\nX-Token: x\r\nProxy-Authorization: Bearer x\r\n", Ok(None), None);
        check("/yjs/a", "Sec-WebSocket-Protocol: yjs, x.y\r\n", Ok(None), None);
    }

    #[test]
    fn different_tokens_and_unreadable_ones_are_refused() {
        check("/yjs/a?token=x&token=y", "", Err(Denied::Ambiguous), None);
        check("/yjs/a?token=x&token=y&token=x", "", Err(Denied::Ambiguous), None);
        check("/yjs/a?token=x", "Authorization: Bearer y\r\n", Err(Denied::Ambiguous), None);
        check("/yjs/a?token=x", "Sec-WebSocket-Protocol: bearer, y\r\n", Err(Denied::Ambiguous), Some("bearer"));
        check("/yjs/a?token=%ff", "", Err(Denied::Malformed), None);
        check("/yjs/a?token=%2&token=x", "", Err(Denied::Malformed), None);
        check("/yjs/a", "Sec-WebSocket-Protocol: bearer\r\n", Err(Denied::Malformed), Some("bearer"));
    }
}
