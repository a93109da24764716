//! Close codes and the payload of a Close frame (RFC 6455, sections 5.5.1 and 7.4). Does not decide when to close.

use super::{CONTROL_PAYLOAD_BYTES_MAX, Role, Violation};

/// Longest reason that fits behind the code in a control frame.
pub const CLOSE_REASON_BYTES_MAX: usize = CONTROL_PAYLOAD_BYTES_MAX - 2;

/// A close code that may stand in a Close frame; 1005, 1006 and 1015 only describe the absence of one, and are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The peer broke the WebSocket protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// A kind of data that this end does not take, such as text where only binary is spoken.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// A text message that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// The message is larger than this end takes.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// The server met a condition that it did not expect.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// The server restarts; try again.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// The server is overloaded; try again later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);

    /// The code, if it is one that a Close frame may carry: those of RFC 6455, section 7.4.1 and of the IANA registry,
    /// those registered by libraries (3000 to 3999) and those of applications (4000 to 4999).
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            0..=999 | 1004..=1006 | 1015..=2999 | 5000.. => None,
        }
    }

    /// The number on the wire.
    pub const fn value(self) -> u16 {
        self.0
    }

    /// Whether this end may send it. 1010 is a client's complaint about a missing extension, 1011 to 1014 are a
    /// server's; all of them may be received, because a wrong one says no less clearly that the peer leaves.
    pub const fn may_be_sent_by(self, role: Role) -> bool {
        match role {
            Role::Server => self.0 != 1010,
            Role::Client => !matches!(self.0, 1011..=1014),
        }
    }
}

/// What a Close frame with a payload says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseFrame<'a> {
    /// Why, for programs.
    pub code: CloseCode,
    /// Why, for people; often empty.
    pub reason: &'a str,
}

impl<'a> CloseFrame<'a> {
    /// Reads the payload of a Close frame. An empty one is allowed and says nothing.
    pub fn parse(payload: &'a [u8]) -> Result<Option<Self>, Violation> {
        let Some((code, reason)) = payload.split_first_chunk::<2>() else {
            return if payload.is_empty() { Ok(None) } else { Err(Violation::CloseCodeCut) };
        };
        let code = u16::from_be_bytes(*code);
        let code = CloseCode::new(code).ok_or(Violation::CloseCodeInvalid { code })?;
        let reason = simdutf8::basic::from_utf8(reason).map_err(|_| Violation::CloseReasonNotUtf8)?;
        Ok(Some(Self { code, reason }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_accepted_exactly_as_registered() {
        for code in 0..=u16::MAX {
            let expected = match code {
                1000 | 1001 | 1002 | 1003 | 1007 | 1008 | 1009 | 1010 | 1011 | 1012 | 1013 | 1014 => true,
                1004 | 1005 | 1006 | 1015 => false,
                _ => (3000..5000).contains(&code),
            };
            assert_eq!(CloseCode::new(code).is_some(), expected, "{code}");
            assert!(CloseCode::new(code).is_none_or(|known| known.value() == code));
        }
    }

    #[test]
    fn a_code_meant_for_the_other_end_may_not_be_sent() {
        let sendable = |code, role| CloseCode::new(code).expect("the code is registered").may_be_sent_by(role);
        assert!(!sendable(1010, Role::Server) && sendable(1010, Role::Client));
        for code in 1011..=1014 {
            assert!(sendable(code, Role::Server) && !sendable(code, Role::Client), "{code}");
        }
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 3000, 4401, 4999] {
            assert!(sendable(code, Role::Server) && sendable(code, Role::Client), "{code}");
        }
    }

    #[test]
    fn payloads_are_read_or_refused_with_the_reason() {
        let normal = CloseFrame { code: CloseCode::NORMAL, reason: "" };
        type Parsed<'a> = Result<Option<CloseFrame<'a>>, Violation>;
        let cases: &[(&[u8], Parsed<'_>)] = &[
            (b"", Ok(None)),
            (b"\x03", Err(Violation::CloseCodeCut)),
            (b"\x03\xe8", Ok(Some(normal))),
            (b"\x03\xe8bye", Ok(Some(CloseFrame { reason: "bye", ..normal }))),
            (b"\x03\xe8\xce\xba", Ok(Some(CloseFrame { reason: "κ", ..normal }))),
            (b"\x03\xe8\xce", Err(Violation::CloseReasonNotUtf8)),
            (b"\x03\xed", Err(Violation::CloseCodeInvalid { code: 1005 })),
            (b"\x00\x00", Err(Violation::CloseCodeInvalid { code: 0 })),
            (b"\xff\xff\xff", Err(Violation::CloseCodeInvalid { code: 65_535 })),
        ];
        for (payload, expected) in cases {
            assert_eq!(CloseFrame::parse(payload), *expected, "{payload:02x?}");
        }
    }
}
